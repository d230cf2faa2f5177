/** Checks of the code: that the snapshot is whole, and what the commit says about where it can be had again. */
import { hashBlob } from "../run/blobs.ts";
import { readSnapshot } from "../run/objects.ts";
import type { Snapshot } from "../run/snapshot.ts";
import { type Check, plural } from "./check.ts";

export const snapshotCheck: Check = {
  name: "snapshot",
  level: "basic",
  async look({ base, manifest }) {
    const name = manifest.environment.snapshot;
    if (name === null) return { state: "skipped", actual: "it ran without code of its own" };
    const expected = `the tree ${name.slice(0, 12)}… and every file of it`;
    let tree: Snapshot;
    try {
      tree = readSnapshot(base, name);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return { state: "failed", expected, actual: "the tree cannot be read", evidence: [why] };
    }
    const evidence: string[] = [];
    const files = tree.files.filter((file) => file.kind !== "link");
    for (const { path, hash: wanted } of files) {
      const hash = await hashBlob(base, wanted);
      if (hash === wanted) continue;
      evidence.push(`${path}: ${hash === null ? "its content is missing" : `its content is ${hash.slice(0, 12)}…`}`);
    }
    return {
      state: evidence.length === 0 ? "ok" : "failed",
      expected,
      actual: `${files.length - evidence.length} of ${plural(files.length, "file")} whole`,
      evidence,
      cure: evidence.length === 0 ? null : "queue the same code once more: what is missing is sent again",
    };
  },
};

/** What git said at submission. Whether the commit is in a checkout at hand is for the command line to see. */
export const commitCheck: Check = {
  name: "commit",
  level: "strict",
  look({ manifest, paths, found }) {
    const { git_commit: commit, git_dirty: dirty, git_remote: remote, git_unpushed: unpushed } = manifest.environment;
    const expected = "a commit without uncommitted work, pushed where there is a remote";
    if (commit === null) {
      return {
        state: "failed",
        expected,
        actual: "no commit is known",
        cure: "queue from a git checkout with a commit",
      };
    }
    const evidence: string[] = [];
    if (dirty === null) evidence.push("whether there was uncommitted work is not known");
    if (dirty) {
      const kept = found.has("env/git.diff") ? "it is kept in env/git.diff" : `${paths.runId} has no env/git.diff`;
      evidence.push(`there was uncommitted work; ${kept}`);
    }
    if (remote !== null && typeof unpushed === "number" && unpushed > 0)
      evidence.push(`${plural(unpushed, "commit")} had not been pushed`);
    if (remote !== null && unpushed === null) evidence.push("whether it had been pushed is not known");
    return {
      state: evidence.length === 0 ? "ok" : "failed",
      expected,
      actual: `${commit.slice(0, 12)}${dirty ? " with uncommitted work" : ""}${remote === null ? ", no remote" : ""}`,
      evidence,
      cure: evidence.length === 0 ? null : "commit and push, then queue it again",
    };
  },
};
