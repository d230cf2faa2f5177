/**
 * The judge of a chaos session: reads run folders, the witness file that the scripts wrote, and the list of what was
 * acknowledged; asks nothing of the product. Returns one sentence for each broken promise.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { ChaosReport, Planned } from "./driver.ts";

interface Record {
  runId: string;
  status: string;
  exit_code: number | null;
  failure: { kind: string } | null;
  launch: { submit_id: string };
}

export function checkBase(report: ChaosReport): string[] {
  const runs = join(report.base, "runs");
  const records: Record[] = fs.readdirSync(runs).map((runId) => ({
    ...(JSON.parse(fs.readFileSync(join(runs, runId, "run_manifest.json"), "utf8")) as Record),
    runId,
  }));
  const starts = new Map<string, number>();
  for (const line of fs.readFileSync(report.witness, "utf8").split("\n").filter(Boolean)) {
    starts.set(line, (starts.get(line) ?? 0) + 1);
  }
  const broken: string[] = [];
  for (const [line, count] of starts) if (count > 1) broken.push(`started ${count} times: ${line}`);
  for (const planned of report.planned) {
    const mine = records.filter((record) => record.launch.submit_id === planned.submitId);
    const acknowledged = report.acknowledged.get(planned.submitId) ?? new Set();
    if (mine.length !== 1) {
      broken.push(`${planned.submitId}: ${mine.length} run folders`);
      continue;
    }
    const record = mine[0]!;
    if (acknowledged.size !== 1 || !acknowledged.has(record.runId)) {
      broken.push(`${planned.submitId}: acknowledged as ${[...acknowledged].join(", ")}, kept as ${record.runId}`);
    }
    broken.push(
      ...checkRun(join(runs, record.runId), record, { planned, starts, orphaned: report.orphaned.has(record.runId) }),
    );
  }
  return broken;
}

function checkRun(
  folder: string,
  record: Record,
  { planned, starts, orphaned }: { planned: Planned; starts: Map<string, number>; orphaned: boolean },
): string[] {
  const name = `${planned.submitId} (${record.runId})`;
  const broken: string[] = [];
  const started = starts.get(`${planned.submitId} ${record.runId}`) ?? 0;
  const log = fs.readFileSync(join(folder, "output.log"), "utf8");
  const complete = `${Array.from({ length: planned.lines }, (_, n) => `line ${n}`).join("\n")}\nend\n`;
  const ending = `${record.status}, exit code ${record.exit_code}, ${record.failure?.kind ?? "no failure"}`;
  const natural = `${planned.exitCode === 0 ? "completed" : "failed"}, exit code ${planned.exitCode}, `;
  if (record.status === "cancelled" && planned.cancelled) {
    // A shell may say of the child that the same signal ended: "Terminated".
    const own = log.replace(/(Terminated|Killed)\n?$/, "");
    if (!complete.startsWith(own)) broken.push(`${name}: prints something else: ${JSON.stringify(log)}`);
    if (started === 0 && record.exit_code !== null) broken.push(`${name}: never started, but ended: ${ending}`);
  } else {
    if (started !== 1) broken.push(`${name}: started ${started} times; ${ending}`);
    if (log !== complete) broken.push(`${name}: output.log has ${log.length} of ${complete.length} characters`);
    const unknown = orphaned && ending === "failed, exit code null, worker_lost";
    if (!ending.startsWith(natural) && !unknown) broken.push(`${name}: ${ending}; expected ${natural}`);
  }
  const sums = Bun.spawnSync(["sha256sum", "-c", "--quiet", "SHA256SUMS"], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
  });
  if (sums.exitCode !== 0) broken.push(`${name}: ${sums.stdout}${sums.stderr}`.trim());
  return broken;
}
