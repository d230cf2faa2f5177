/** Containers, seeds, conda and the probes that somebody adds: with stub programs and folders made for the test. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fixture } from "./fixture.ts";

const digest = `sha256:${"ab".repeat(32)}`;

describe("containers", () => {
  test("its digest comes from the engine; where that does not know it, the reason is kept", async () => {
    const f = fixture();
    f.stub("docker", `[ "$6" = known ] && echo "repo@${digest}" || { echo "No such image: $6" >&2; exit 1; }`);
    const { environment } = await f.capture(["docker", "run", "--rm", "known", "true"]);
    expect(environment).toMatchObject({ container_image: "known", container_digest: digest });
    const lost = await f.capture(["docker", "run", "other"]);
    expect(lost.environment).toMatchObject({ container_image: "other", container_digest: null });
    expect(lost.partial).toContain("container: the digest of `other`: No such image: other");
  });

  test("an image named by digest needs no engine, and a .sif is hashed", async () => {
    const f = fixture();
    const byDigest = await f.capture(["/nowhere/podman", "run", `img@${digest}`]);
    expect(byDigest.environment.container_digest).toBe(digest);
    f.write("work/box.sif", "squash");
    const hash = new Bun.CryptoHasher("sha256").update("squash").digest("hex");
    const sandbox = await f.capture(["apptainer", "exec", "--nv", "box.sif", "true"]);
    expect(sandbox.environment).toMatchObject({ container_image: "box.sif", container_digest: `sha256:${hash}` });
  });

  test("the container of the worker itself is told by what podman leaves in it", async () => {
    const f = fixture();
    f.write("root/run/.containerenv", `engine="podman-4.3.1"\nimage="docker.io/x:1"\nimageid="${"cd".repeat(32)}"\n`);
    const { environment } = await f.capture(["true"]);
    expect(environment).toMatchObject({
      container_image: "docker.io/x:1",
      container_digest: `sha256:${"cd".repeat(32)}`,
    });
  });
});

test("[F46] seeds are read from arguments and variables, and a secret is never one", async () => {
  const f = fixture();
  const childEnv = { PATH: "/usr/bin:/bin", PYTHONHASHSEED: "0", API_SEED: "sk-aaaaaaaaaaaaaaaaaaaa", SPEED: "9" };
  const argv = ["true", "--seed", "7", "--random-state=3", "train.seed=11", "--seedless", "x", "--lr", "0.1"];
  const { environment } = await f.capture(argv, { childEnv });
  expect(environment.seeds).toEqual({ seed: "7", "random-state": "3", "train.seed": "11", PYTHONHASHSEED: "0" });
});

test("cuDNN's version stands in its header", async () => {
  const f = fixture();
  f.write(
    "root/usr/include/cudnn_version.h",
    "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 1\n#define CUDNN_PATCHLEVEL 0\n",
  );
  await (await f.capture(["true"])).rest;
  expect(JSON.parse(readFileSync(join(f.env, "hardware.json"), "utf8")).cudnn_version).toBe("9.1.0");
});

test("a conda environment is kept with the exact files that it was made of, without a token", async () => {
  const f = fixture();
  mkdirSync(join(f.folder, "conda/bin"), { recursive: true });
  symlinkSync("/bin/true", join(f.folder, "conda/bin/python3"));
  const url = "https://conda.anaconda.org/t/tk-123/conda-forge/linux-64/zlib-1.3-h1.conda";
  f.write(
    "conda/conda-meta/zlib-1.3-h1.json",
    JSON.stringify({ channel: url.replace(/\/zlib.*/, ""), files: [], md5: "0f", url }),
  );
  const others = [
    "https://repo.anaconda.com/pkgs/main/linux-64",
    "file:///srv/channel/noarch",
    "https://ana:pw@lab/t/tk-1/own",
  ];
  for (const [at, channel] of others.entries())
    f.write(`conda/conda-meta/p${at}-1-0.json`, JSON.stringify({ channel, files: [], md5: "0f" }));
  await (await f.capture([join(f.folder, "conda/bin/python3")])).rest;
  const listed = readFileSync(join(f.env, "conda.yml"), "utf8");
  expect(listed).toContain(
    "channels:\n  - conda-forge\n  - defaults\n  - file:///srv/channel\n  - https://lab/own\ndep",
  );
  const explicit = "https://conda.anaconda.org/conda-forge/linux-64/zlib-1.3-h1.conda#0f";
  expect(readFileSync(join(f.env, "conda-explicit.txt"), "utf8")).toBe(`@EXPLICIT\n${explicit}\n`);
  expect(readFileSync(join(f.env, "conda.yml"), "utf8")).toContain("  - zlib=1.3=h1");
});

describe("an executable in the folder of probes", () => {
  test("is a probe: what it prints is kept, credentials masked; failures and loose permissions are told", async () => {
    const f = fixture();
    const probe = (name: string, body: string, mode = 0o755) =>
      chmodSync(f.write(`probes/${name}`, `#!/bin/sh\n${body}\n`), mode);
    probe("modules.sh", "echo cuda/12.4; echo token=hf_abcdefghijklmnopqrstuvwx");
    probe("broken", "echo no such file >&2; exit 3");
    probe("loose", "echo never", 0o777);
    probe("pip_freeze", "echo never");
    probe("README", "echo never", 0o644);
    const { rest } = await f.capture(["true"], { probesFolder: join(f.folder, "probes") });
    const { partial, environment } = await rest;
    expect(readFileSync(join(f.env, "modules.txt"), "utf8")).toBe("cuda/12.4\n[masked by ml]\n");
    expect(environment.files?.["env/modules.txt"]).toHaveLength(64);
    expect(partial).toContain("own probes: `broken` exited with 3: no such file");
    expect(partial.some((why) => why.includes("loose` was not started: others can write to it"))).toBeTrue();
    expect(existsSync(join(f.env, "loose.txt")) || existsSync(join(f.env, "README.txt"))).toBeFalse();
  });

  test("[I9] a hanging one is given up and holds nobody", async () => {
    const f = fixture();
    chmodSync(f.write("probes/slow", "#!/bin/sh\nsleep 60\n"), 0o755);
    const stop = new AbortController();
    const { complete, rest } = await f.capture(["true"], {
      probesFolder: join(f.folder, "probes"),
      budgetMs: 20,
      signal: stop.signal,
    });
    expect(complete).toBeFalse();
    stop.abort();
    expect((await rest).partial.join()).toContain("own probes");
  });
});
