import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { foldCapture } from "../../src/capture/capture.ts";
import { newManifest } from "../../src/run/manifest.ts";
import { fixture } from "./fixture.ts";

const smi = (rows: string, head = "| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |") =>
  `case "$*" in *query-gpu*) printf '${rows}';; *) echo '${head}';; esac; echo x >>"$(dirname "$0")/calls"`;
const twoRows =
  "0, GPU-a, NVIDIA A100-SXM4-80GB, 0:07.0, 81920, 550.54.15\\n1, GPU-b, NVIDIA A100-SXM4-80GB, 0:0f.0, 81920, 550.54.15\\n";
const calls = (bin: string) => readFileSync(join(bin, "calls"), "utf8").split("\n").length - 1;

describe("GPUs of a run", () => {
  test("nvidia-smi gives model, driver and CUDA, once per boot", async () => {
    const at = fixture();
    at.stub("nvidia-smi", smi(twoRows));
    const { environment, resources } = await at.capture(["/bin/true"]);
    expect(resources.gpu_model).toBe("NVIDIA A100-SXM4-80GB");
    expect(environment.gpu_driver).toBe("550.54.15");
    expect(environment.cuda_version).toBe("12.4");
    expect(JSON.parse(readFileSync(join(at.env, "hardware.json"), "utf8")).gpus).toHaveLength(2);
    const asked = calls(at.bin);
    expect((await at.capture(["/bin/true"])).resources.gpu_model).toBe("NVIDIA A100-SXM4-80GB");
    expect(calls(at.bin)).toBe(asked);
  });

  test("[G1] N/A fields are unknown, not words", async () => {
    const at = fixture();
    at.stub("nvidia-smi", smi("0, [N/A], NVIDIA H100, [N/A], [N/A], [N/A]\\n", "nothing"));
    const { environment, resources } = await at.capture(["/bin/true"]);
    expect(resources.gpu_model).toBe("NVIDIA H100");
    expect(environment.gpu_driver ?? null).toBeNull();
    expect(environment.cuda_version ?? null).toBeNull();
  });

  test("[G1] exit 18 names the mismatch and the cure, and is asked again next time", async () => {
    const at = fixture();
    at.stub("nvidia-smi", "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18");
    const { partial, resources } = await at.capture(["/bin/true"]);
    expect(resources.gpu_model).toBeNull();
    expect(partial.join("\n")).toMatch(/nvidia-smi: .*exit 18.*reboot: Failed to initialize NVML/);
    at.stub("nvidia-smi", smi(twoRows));
    expect((await at.capture(["/bin/true"])).resources.gpu_model).toBe("NVIDIA A100-SXM4-80GB");
  });

  test("[G1] without nvidia-smi there are no GPUs and nothing is amiss; with a driver, /proc still names them", async () => {
    const at = fixture();
    const toolPath = at.bin;
    const none = await at.capture(["/bin/true"], { toolPath });
    expect(none.resources.gpu_model).toBeNull();
    expect(none.partial.filter((reason) => /gpu|nvidia/.test(reason))).toEqual([]);
    const driven = fixture();
    driven.write("root/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.1.2  Tue\n");
    driven.write("root/proc/driver/nvidia/gpus/0000:07:00.0/information", "Model: \t\t NVIDIA L4\nIRQ: 1\n");
    driven.write("root/usr/local/cuda/version.json", '{"cuda" : {"name" : "CUDA SDK", "version" : "12.1.0"}}');
    const some = await driven.capture(["/bin/true"], { toolPath: driven.bin });
    expect(some.resources.gpu_model).toBe("NVIDIA L4");
    expect(some.environment.gpu_driver).toBe("535.1.2");
    expect(some.environment.cuda_version).toBe("12.1.0");
    expect(some.partial).toContain("nvidia-smi: nvidia-smi is not installed; the driver is");
  });

  test("an nvidia-smi that hangs holds nobody up and is given up before sealing", async () => {
    const at = fixture();
    at.stub("nvidia-smi", "sleep 600");
    const stop = new AbortController();
    const captured = await at.capture(["/bin/true"], { budgetMs: 200, signal: stop.signal });
    expect(captured.complete).toBe(false);
    expect(captured.partial).toContain("nvidia-smi: not known yet");
    stop.abort();
    const { partial } = await captured.rest;
    expect(partial.join("\n")).toMatch(/nvidia-smi: .*had not answered when the run was sealed/);
  });
});

describe("the rest of the machine", () => {
  test("system, kernel, processor and host are known on this machine", async () => {
    const at = fixture();
    const { environment, resources } = await at.capture(["/bin/true"], { root: "/" });
    expect(environment.os).toBeTruthy();
    expect(environment.kernel).toBe(readFileSync("/proc/sys/kernel/osrelease", "utf8").trim());
    expect(resources.host).toBeTruthy();
    const hardware = JSON.parse(readFileSync(join(at.env, "hardware.json"), "utf8"));
    expect(hardware.cpu_threads).toBeGreaterThan(0);
    expect(hardware.ram_bytes).toBeGreaterThan(0);
  });

  test("lock files of the code are copied, links are not followed", async () => {
    const at = fixture();
    at.write("work/uv.lock", "version = 1\n");
    at.write("work/requirements-dev.txt", "pytest\n");
    at.write("work/sub/requirements.txt", "numpy\n");
    at.write("work/requirements.txt", "torch\n");
    symlinkSync("/etc/passwd", join(at.work, "poetry.lock"));
    const { environment } = await at.capture(["/bin/true"], { cwd: "sub" });
    expect(readFileSync(join(at.env, "uv.lock"), "utf8")).toBe("version = 1\n");
    expect(readFileSync(join(at.env, "requirements.txt"), "utf8")).toBe("numpy\n");
    expect(existsSync(join(at.env, "requirements-dev.txt"))).toBe(true);
    expect(existsSync(join(at.env, "poetry.lock"))).toBe(false);
    expect(Object.keys(environment.files ?? {})).toContain("env/uv.lock");
  });

  test("a conda environment is exported from its own records, without a channel's token", async () => {
    const at = fixture();
    at.stub("python3", "exit 1");
    at.write("conda-meta/numpy-1.26.4-py311h_0.json", '{"channel": "https://c.org/t/tk-secret/conda-forge/linux-64"}');
    at.write("conda-meta/python-3.11.7-h955ad1f_0.json", '{"channel": "https://repo.anaconda.com/pkgs/main/noarch"}');
    await at.capture(["python3", "x.py"]);
    const text = readFileSync(join(at.env, "conda.yml"), "utf8");
    expect(text).toContain("channels:\n  - defaults\n  - https://c.org/conda-forge\n");
    expect(text).toContain("  - numpy=1.26.4=py311h_0\n  - python=3.11.7=h955ad1f_0\n");
    expect(text).not.toContain("tk-secret");
  });

  test("[P16] the environment is recorded without its secrets, in the manifest and in every file", async () => {
    const at = fixture();
    const childEnv = { PATH: "/usr/bin:/bin", HF_TOKEN: "hunter2hunter2", OMP_NUM_THREADS: "2", MODE: "a" };
    const captured = await at.capture(["/bin/true"], { childEnv, askedNames: ["MODE"] });
    expect(captured.environment.env_vars).toEqual({
      HF_TOKEN: null,
      MODE: "a",
      OMP_NUM_THREADS: "2",
      PATH: "/usr/bin:/bin",
    });
    const everything = Bun.spawnSync(["grep", "-rl", "hunter2", at.folder]);
    expect(everything.stdout.toString()).toBe("");
  });

  test("an env folder and a cache that cannot be written cost only what they would hold", async () => {
    const at = fixture();
    at.write("env", "a file in its place");
    at.write("cache", "a file in its place");
    at.write("work/uv.lock", "x");
    const captured = await at.capture(["/bin/true"]);
    expect(captured.partial.join("\n")).toContain("lock files: env/uv.lock could not be written");
    expect(captured.environment.env_vars?.PATH).toBeTruthy();
  });

  test("nothing is written after `rest` resolved", async () => {
    const at = fixture();
    at.stub("python3", `sleep 1; printf '3.9.1\\0x\\0/x\\0lib\\0cpython\\0'`);
    const stop = new AbortController();
    const captured = await at.capture(["python3", "x.py"], { budgetMs: 0, signal: stop.signal });
    stop.abort();
    await captured.rest;
    mkdirSync(at.env, { recursive: true });
    chmodSync(at.env, 0o555);
    await Bun.sleep(50);
    expect(existsSync(join(at.env, "pip_freeze.txt"))).toBe(false);
  });

  test("findings are folded into a manifest without undoing what is known", async () => {
    const at = fixture();
    const manifest = newManifest({
      run_id: "2026-01-01_abcdef",
      name: "n",
      user: "u",
      command: "true",
      argv: ["true"],
      queued_at: "2026-01-01T00:00:00.000Z",
      environment: { git_commit: "abc", files: { "env/git.diff": "00" } },
    });
    foldCapture(manifest, await at.capture(["/bin/true"]));
    expect(manifest.environment.git_commit).toBe("abc");
    expect(Object.keys(manifest.environment.files).sort()).toEqual(["env/git.diff", "env/hardware.json"]);
    expect(manifest.resources.host).toBeTruthy();
  });
});
