/** What the words of a command say of the container that it starts, and which images may be pulled ahead of it. */
import { describe, expect, test } from "bun:test";
import {
  containerStart,
  imageNeed,
  isRegistryImage,
  labelled,
  toldDigest,
} from "../../../src/run/container-command.ts";

const digest = `sha256:${"ab".repeat(32)}`;
const other = `sha256:${"cd".repeat(32)}`;
const start = (text: string) => containerStart(text.split(" "));
const need = (text: string, env: Record<string, string> = {}) =>
  imageNeed({ argv: text.split(" "), launch: { env } as never, run_id: "r" });

describe("the image is found", () => {
  test.each([
    ["docker run --rm -it --gpus all -v /a:/b --env=X=1 pytorch/pytorch:2.3 python t.py", "pytorch/pytorch:2.3"],
    ["podman run --network host --name x img", "img"],
    ["podman run --rm -- img cmd", "img"],
    ["docker run -itv /a:/b -v/c:/d -p8080:80 -eA=1 -w /x img", "img"],
    ["/usr/bin/podman --root /r --runtime=runc container run --rm img", "img"],
    ["nerdctl -n lab run img", "img"],
    ["apptainer -q exec --nv -B /data box.sif true", "box.sif"],
  ])("in %s", (command, image) => expect(start(command)?.image).toBe(image));

  test.each(["podman run --rm", "podman pull img", "podman", "run img", "docker compose run img", "podmans run img"])(
    "not in %s",
    (command) => expect(start(command)).toBeNull(),
  );

  test("with the words that choose the engine, and the flags that say which image", () => {
    expect(start("podman --root /r -c far run --platform linux/arm64 --pull Always --tls-verify=false -d img")).toEqual(
      {
        ...{ tool: "podman", program: "podman", globals: ["--root", "/r", "-c", "far"], image: "img", pull: "always" },
        pullFlags: ["--platform=linux/arm64", "--tls-verify=false"],
        flagsAt: 6,
      },
    );
  });
});

describe("an image may be pulled ahead", () => {
  test("where a registry has it: no file, no other transport, nothing like a flag, nothing built here", () => {
    const good = [
      "alpine",
      "alpine:3",
      "ghcr.io/lab/a_b.c:v1.2-x",
      "127.0.0.1:5000/x/y@sha256:".concat("0".repeat(64)),
    ];
    const bad = ["-v", "--help", "/img", "./img", "oci:dir", "docker-archive:/x.tar", "localhost/mine", "a b", "a\nb"];
    const worse = ["a/../b", "img@sha256:12", "", "x".repeat(600), "$(id)", "a;b"];
    expect(good.filter((word) => !isRegistryImage(word))).toEqual([]);
    expect([...bad, ...worse].filter(isRegistryImage)).toEqual([]);
  });

  test("unless the command forbids it, or its program is a file of the code", () => {
    expect(need("podman run --pull never img")).toBeNull();
    expect(need("podman run --pull=never img")).toBeNull();
    expect(need("./podman run img")).toBeNull();
    expect(need("apptainer exec docker://img true")).toBeNull();
    expect(need("docker run --pull=always img")).toMatchObject({ always: true });
  });

  test("runs with the same engine and image need the same; another engine's, or other credentials', are another", () => {
    const plain = need("podman run --rm img a");
    expect(need("podman run -v /x:/y img b", { LR: "3" })?.id).toBe(plain?.id ?? "");
    expect(plain?.env).toEqual({});
    const ids = [
      need("docker run img"),
      need("podman --root /r run img"),
      need("podman run img", { DOCKER_HOST: "ssh://gpu02" }),
      need("podman run img:2"),
    ].map((one) => one?.id);
    expect(new Set([plain?.id, ...ids]).size).toBe(5);
  });

  test("never with a PATH or a preloaded library of the run's own", () => {
    const env = { PATH: "/mine", LD_PRELOAD: "/mine.so", DOCKER_CONFIG: "/cfg" };
    expect(need("podman run img", env)?.env).toEqual({ DOCKER_CONFIG: "/cfg" });
  });
});

test("a container is labelled with its run, behind the verb; any other command is as it was", () => {
  const words = (text: string) => labelled(text.split(" "), "2026-01-01_abc").join(" ");
  expect(words("podman --root /r run --rm img a")).toBe(
    "podman --root /r run --label=ml.run=2026-01-01_abc --rm img a",
  );
  for (const other of ["podman pull img", "apptainer exec box.sif true", "python run docker"])
    expect(words(other)).toBe(other);
});

test("of an image that was pulled from several repositories, the digest is that of the one it is named by", () => {
  const lines = [`ghcr.io/lab/x@${other}`, `docker.io/library/x@${digest}`, `sha256:${"ef".repeat(32)}`];
  expect(toldDigest(lines, "x:3")).toBe(digest);
  expect(toldDigest(lines, "ghcr.io/lab/x")).toBe(other);
  expect(toldDigest(lines, "quay.io/y")).toBe(other);
  expect(toldDigest([`x@${digest}`], "docker.io/library/x:1")).toBe(digest);
  expect(toldDigest(["", "nothing"], "x")).toBeNull();
});
