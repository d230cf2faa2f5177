/** What a pattern of printed lines would find in the output of a run, running or ended. Keeps nothing. */
import { readLines } from "../../harvest/lines.ts";
import { openRegular } from "../../harvest/point.ts";
import { matchLine, parseTemplate } from "../../harvest/printed.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { encodeMetricValue } from "../../run/metric-value.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

const mostBytes = 256 * 1024 * 1024;
const lineBytes = 16 * 1024;
const shownLines = 20;
const shownNames = 200;
const shownChars = 500;

export async function metricsTry(context: Context, body: ParsedBody<"metrics.try">): Promise<Reply<"metrics.try">> {
  const template = parseTemplate(body.pattern);
  const runId = idOf(context, body.run);
  const { outputLog, stdoutLog } = context.base.run(runId);
  const reply: Reply<"metrics.try"> = { run_id: runId, lines: 0, matched: 0, samples: [], metrics: [], cut: false };
  const names = new Map<string, Reply<"metrics.try">["metrics"][number]>();
  const onLine = (line: string) => {
    reply.lines += 1;
    const points = matchLine(template, line).map((point) => ({ ...point, value: encodeMetricValue(point.value) }));
    if (points.length === 0) return;
    reply.matched += 1;
    if (reply.samples.length < shownLines) reply.samples.push({ line: line.slice(0, shownChars), points });
    for (const { name, value } of points) {
      const known = names.get(name);
      if (known !== undefined) Object.assign(known, { count: known.count + 1, last: value });
      else if (names.size < shownNames) names.set(name, { name, count: 1, first: value, last: value });
    }
  };
  for (const log of [outputLog, stdoutLog]) {
    const file = await openRegular(log);
    if (file === null) continue;
    try {
      reply.cut ||= file.sizeBytes > mostBytes;
      const sizeBytes = Math.min(file.sizeBytes, mostBytes);
      await readLines({ ...file, sizeBytes }, { from: 0, ended: true, mostBytes: lineBytes, onLine });
    } finally {
      await file.handle.close();
    }
  }
  return { ...reply, metrics: [...names.values()] };
}
