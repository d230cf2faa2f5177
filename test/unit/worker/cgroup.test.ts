/** Control groups of runs on a tree made of files: what is written where, and that nothing is touched that is not ours. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { Cgroups, cgroupEvidence } from "../../../src/worker/cgroup.ts";
import { put } from "../../support/queued-run.ts";
import { tempFolder } from "../../support/temp.ts";

const pid = 4711;

function tree(files: Record<string, string>): { root: string; own: string } {
  const root = tempFolder("ml-cgroup-");
  const own = `${root}/sys/fs/cgroup/user.slice/ml.service`;
  put(`${root}/proc/${pid}/cgroup`, "0::/user.slice/ml.service\n");
  for (const [name, text] of Object.entries(files)) put(`${own}/${name}`, text);
  return { root, own };
}
const read = (path: string) => fs.readFileSync(path, "utf8");

test("where controllers are handed out already, a run gets a group with its limit", () => {
  const { root, own } = tree({ "cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "memory pids\n" });
  const folder = Cgroups.open(root, pid)?.make("2026-11-23_k3f9ab", 2) ?? "";
  expect(folder).toBe(`${own}/ml-run-2026-11-23_k3f9ab`);
  expect(read(`${folder}/memory.max`)).toBe("2000000000");
  expect(read(`${folder}/pids.max`)).toBe("16384");
});

test("a group that was made for us alone is rearranged, and one with other processes is left alone", () => {
  const files = { "cgroup.controllers": "memory pids\n", "cgroup.subtree_control": "\n", "cgroup.procs": `${pid}\n` };
  const { root, own } = tree(files);
  // Files do not answer like a kernel: what was asked for is written, handed out it is not, and so there are no groups.
  expect(Cgroups.open(root, pid)).toBeNull();
  expect(read(`${own}/ml-worker/cgroup.procs`)).toBe(String(pid));
  expect(read(`${own}/cgroup.subtree_control`)).toBe("+memory +pids");
  const other = tree({ ...files, "cgroup.procs": `${pid}\n99\n` });
  expect(Cgroups.open(other.root, pid)).toBeNull();
  expect(fs.existsSync(`${other.own}/ml-worker`)).toBe(false);
});

test("without version 2, or without its memory controller, there are no groups", () => {
  expect(Cgroups.open(tempFolder("ml-cgroup-"), pid)).toBeNull();
  expect(Cgroups.open(tree({ "cgroup.controllers": "cpu pids\n" }).root, pid)).toBeNull();
});

test("[P8] its events say whether the kernel killed for want of memory", () => {
  const { own } = tree({
    "memory.events": "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n",
    "memory.peak": "2000000000\n",
  });
  expect(cgroupEvidence(own)).toEqual({ oomKills: 1, peakGb: 2 });
  expect(cgroupEvidence(tempFolder("ml-cgroup-"))).toBeNull();
});
