/** Probe: operating system, kernel, processor, memory, host and locale, from /etc and /proc. Starts nothing. */
import { readFile } from "node:fs/promises";
import { arch, cpus, hostname, type as systemType, totalmem } from "node:os";
import { join } from "node:path";
import { remembered } from "./cache.ts";
import type { Probe } from "./probe.ts";

/** A kernel or processor that changes while the worker lives is seen after this long. */
const holdsMs = 60_000;

export const systemProbe: Probe = {
  name: "system",
  limitMs: 5000,
  async run({ root, childEnv, miss }) {
    const { os, kernel, cpu, ramBytes } = await remembered(`system ${root}`, holdsMs, () => look(root));
    if (os === null) miss("no os-release file names the system");
    const host = hostname();
    const locale = childEnv.LC_ALL || childEnv.LC_CTYPE || childEnv.LANG || "C";
    return {
      environment: { os, kernel },
      resources: { cpu_model: cpu.model, host },
      hardware: {
        ...{ host, os, kernel, architecture: arch(), system: systemType(), locale },
        ...{ cpu_model: cpu.model, cpu_threads: cpu.threads, cpu_cores: cpu.cores, ram_bytes: ramBytes },
      },
    };
  },
};

async function look(root: string) {
  const text = (path: string) => readFile(join(root, path), "utf8").catch(() => null);
  const [etcRelease, usrRelease, osRelease, cpuInfo, memory] = await Promise.all(
    ["etc/os-release", "usr/lib/os-release", "proc/sys/kernel/osrelease", "proc/cpuinfo", "proc/meminfo"].map(text),
  );
  const ramKb = /^MemTotal:\s*(\d+) kB/m.exec(memory ?? "")?.[1];
  return {
    os: prettyName(etcRelease ?? usrRelease ?? ""),
    kernel: osRelease?.trim() ?? null,
    cpu: readCpu(cpuInfo ?? ""),
    ramBytes: ramKb === undefined ? totalmem() : Number(ramKb) * 1024,
  };
}

/** PRETTY_NAME of an os-release file (os-release(5)), or null. */
export function prettyName(osRelease: string): string | null {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1]?.trim();
  return value ? value.replace(/^(["'])(.*)\1$/, "$2") : null;
}

interface Cpu {
  model: string | null;
  /** Logical processors. */
  threads: number;
  /** Physical cores; null where the kernel does not say. */
  cores: number | null;
}

/** What /proc/cpuinfo says; its `model name` is missing on most ARM machines. */
export function readCpu(cpuInfo: string): Cpu {
  const threads = (cpuInfo.match(/^processor\s*:/gm) ?? []).length || cpus().length;
  const model = /^model name\s*:\s*(.+)$/m.exec(cpuInfo)?.[1]?.trim() ?? cpus()[0]?.model ?? null;
  const cores = new Set(
    cpuInfo.split("\n\n").flatMap((block) => {
      const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1];
      return core === undefined ? [] : [`${/^physical id\s*:\s*(\d+)/m.exec(block)?.[1] ?? 0}:${core}`];
    }),
  );
  return { model: model === "unknown" || model === "" ? null : model, threads, cores: cores.size || null };
}
