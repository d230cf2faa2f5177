/** Images of containers, pulled by a real podman from a real registry while their runs wait; and runs in them. */
import { afterAll, afterEach, beforeAll, beforeEach, test as bunTest, describe, expect } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { captureEnvironment } from "../../src/capture/capture.ts";
import { containerCheck } from "../../src/keep/check-surroundings.ts";
import { imageWishSum, writeWishes } from "../../src/run/prewarm-wishes.ts";
import { openPodman, type PodmanLab, podmanPrograms, whyNoContainers } from "../support/podman.ts";
import { askToStop, type Bench, openBench } from "../support/queued-run.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";

const areInstalled = podmanPrograms.every(
  (program) => Bun.which(program, { PATH: `${process.env.PATH}:/usr/sbin` }) !== null,
);
const forbidden = areInstalled ? whyNoContainers() : null;
const isHere = areInstalled && forbidden === null;
if (forbidden !== null) console.log(`SKIPPED images of containers: none can be run here: ${forbidden}`);
const test = forbidden === null ? needs(...podmanPrograms) : bunTest.skip;

/** Before the registry: lets the layers of an image through when `open` is true. */
const gate = { open: true, waiting: 0 };
let lab: PodmanLab;
let proxy: Bun.Server<undefined>;
let bench: Bench;
let digest: string;

beforeAll(async () => {
  if (!isHere) return;
  proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.includes("/blobs/")) {
        gate.waiting += 1;
        while (!gate.open && !request.signal.aborted) await Bun.sleep(5);
        gate.waiting -= 1;
      }
      const { status, headers, body } = await fetch(`http://${lab.registry}${pathname}`, { headers: request.headers });
      return new Response(body, { status, headers });
    },
  });
  lab = await openPodman({ insecure: [`127.0.0.1:${proxy.port}`] });
  digest = lab.publish(`${lab.registry}/said:1`, "hello");
});
afterAll(async () => {
  await lab?.close();
  await proxy?.stop(true);
});
beforeEach(() => {
  gate.open = true;
  bench = openBench();
});
afterEach(async () => {
  gate.open = true;
  await bench.close();
  if (isHere) lab.podman("rmi", "--all", "--force");
});

const slow = (image: string) => `127.0.0.1:${proxy.port}/${image}`;
const running = (image: string, ...command: string[]) => ["podman", "run", "--rm", image, ...command];
const work = (more = {}) =>
  bench.work({
    capacity: { slots: 1, cpuCores: 64, ramGb: 64, diskGb: null, cards: [] },
    images: { folder: join(bench.base.base, "images"), longestMs: 60_000 },
    env: lab.env,
    pollMs: 50,
    ...more,
  });

/** Takes the one slot until it is called. */
async function inTheWay() {
  const go = join(tempFolder(), "go");
  await bench.submit({ argv: ["sh", "-c", `until [ -e ${go} ]; do sleep 0.02; done`] });
  return () => fs.writeFileSync(go, "");
}

describe("the image of a run", () => {
  test("is pulled while the run waits; its record says hit, digest and time saved; what cannot be had holds nobody", async () => {
    const worker = await work({ capture: captureEnvironment });
    const go = await inTheWay();
    const image = `${lab.registry}/said:1`;
    const byTag = await bench.submit({ argv: running(image, "cat", "/said") });
    const byDigest = await bench.submit({ argv: running(`${lab.registry}/said@${digest}`, "cat", "/said") });
    const nowhere = await bench.submit({ argv: running(`${lab.registry}/nowhere:1`) });
    const images = await until("all three", () => {
      const facts = worker.state().images;
      return facts?.warm === 2 && facts.failed.length === 1 ? facts : null;
    });
    expect(images).toMatchObject({ needed: 3, pulling: [], failed: [{ for_run: nowhere.runId, tries: 1 }] });
    expect(images.failed[0]?.reason).toContain("manifest unknown");
    expect(images.pulled.find((one) => one.image === image)).toMatchObject({ engine: "podman", digest, hits: 0 });
    expect(lab.has(image)).toBe(true);
    go();
    const manifest = await bench.sealed(byTag);
    expect(fs.readFileSync(byTag.outputLog, "utf8")).toBe("hello\n");
    const { image: use } = manifest.environment;
    expect(use).toMatchObject({ engine: "podman", image, digest, pulled_via: "prewarm", pulled_why: "hit" });
    expect(use?.size_gb).toBeGreaterThan(0.001);
    expect(use?.waited_seconds).toBe(0);
    expect(use?.time_saved_seconds).toBe(use?.pull_seconds ?? Number.NaN);
    expect(manifest.environment).toMatchObject({ container_image: image, container_digest: digest });
    expect(containerCheck.look({ manifest } as never)).toMatchObject({ state: "ok", actual: `${image} ${digest}` });
    const second = await bench.sealed(byDigest);
    expect(second).toMatchObject({ status: "completed", environment: { container_digest: digest } });
    expect(second.environment.image).toMatchObject({ pulled_via: "there", digest, pull_seconds: null });
    const { status, environment, exit_code } = await bench.sealed(nowhere);
    const log = fs.readFileSync(nowhere.outputLog, "utf8");
    expect({ status, exit_code, log }).toEqual({
      ...{ status: "failed", exit_code: 125 },
      log: expect.stringContaining("nowhere"),
    });
    expect(environment.image).toMatchObject({ pulled_via: "command", digest: null, time_saved_seconds: null });
    expect(environment.image?.pulled_why).toStartWith("miss; `podman` says: ");
  });

  test("whose command is killed does not run on: the container is found by its label and killed", async () => {
    const worker = await work();
    const image = `${lab.registry}/said:1`;
    // As its first process a shell does not hear SIGTERM.
    const paths = await bench.submit({ argv: running(image, "sh", "-c", "echo up; while true; do sleep 0.1; done") });
    const log = () => (fs.existsSync(paths.outputLog) ? fs.readFileSync(paths.outputLog, "utf8") : "");
    await until("it is up", () => /^up$/m.test(log()));
    expect(lab.podman("ps", "--quiet", "--filter", `label=ml.run=${paths.runId}`).out).not.toBe("");
    askToStop(paths, { now: true });
    worker.poke();
    const { status, remarks } = await bench.sealed(paths);
    expect(status).toBe("cancelled");
    expect(remarks).toEqual([
      expect.stringMatching(/^its container [0-9a-f]{12} had outlived its command, and was killed$/),
    ]);
    expect(lab.podman("ps", "--quiet").out).toBe("");
  });
});

describe("a pull that is under way", () => {
  test("is joined by the run whose turn comes, and is what it saved", async () => {
    const worker = await work();
    gate.open = false;
    const go = await inTheWay();
    const paths = await bench.submit({ argv: running(slow("said:1"), "cat", "/said") });
    await until("the pull", () => gate.waiting > 0 && worker.state().images?.pulling[0]?.for_run === paths.runId);
    go();
    await until("its turn", () => bench.manifest(paths).status === "starting");
    gate.open = true;
    const { environment, status } = await bench.sealed(paths);
    expect(status).toBe("completed");
    expect(environment.image).toMatchObject({ pulled_via: "prewarm", pulled_why: "its pull was under way", digest });
    expect(environment.image?.waited_seconds).toBeGreaterThan(0);
  });

  test("ends when nobody wants it any more, with its process; a run that waits for it can be cancelled", async () => {
    const worker = await work();
    gate.open = false;
    const wish = { name: slow("said"), version: "1", by: "ana", at: "2026-01-01T00:00:00Z", pinned: false };
    writeWishes(bench.base.prewarm, [{ ...wish, checksum: imageWishSum(slow("said:1")), engine: null }]);
    worker.poke();
    await until("the pull", () => gate.waiting > 0 && worker.state().images?.pulling.length === 1);
    writeWishes(bench.base.prewarm, []);
    worker.poke();
    await until("its end", () => worker.state().images?.pulling.length === 0 && gate.waiting === 0);
    const go = await inTheWay();
    const paths = await bench.submit({ argv: running(slow("said:1"), "true") });
    await until("the pull", () => gate.waiting > 0);
    go();
    await until("its turn", () => bench.manifest(paths).status === "starting");
    askToStop(paths);
    worker.poke();
    expect((await bench.sealed(paths)).status).toBe("cancelled");
    await until("its end", () => gate.waiting === 0);
    expect(lab.has(slow("said:1"))).toBe(false);
  });
});
