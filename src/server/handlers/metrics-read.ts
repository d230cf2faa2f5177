/** Logged points in order of arrival, from a byte offset on; thinned evenly by name where there are too many. */
import * as fs from "node:fs";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

type Point = Reply<"metrics.read">["points"][number];

const mostPoints = 100_000;
const blockBytes = 1024 * 1024;

function parsePoint(line: string, wanted: ReadonlySet<string> | null): Point | null {
  try {
    const { name, value, step, t } = JSON.parse(line) as Record<string, unknown>;
    if (typeof name !== "string" || (wanted !== null && !wanted.has(name))) return null;
    if (typeof value !== "number" && typeof value !== "string") return null;
    return { name, value, step: typeof step === "number" ? step : null, t: typeof t === "number" ? t : 0 };
  } catch {
    return null;
  }
}

/** Every second point of each name, the last of it always kept. */
function thin(points: Point[]): Point[] {
  const seen = new Map<string, number>();
  const last = new Map(points.map((point, index) => [point.name, index]));
  return points.filter((point, index) => {
    const n = seen.get(point.name) ?? 0;
    seen.set(point.name, n + 1);
    return n % 2 === 0 || last.get(point.name) === index;
  });
}

interface Read {
  points: Point[];
  next: number;
}

/** Whole lines from a byte offset on; none where there is no such file. Thinned where there are too many. */
async function readFrom(
  path: string,
  after: number,
  wanted: ReadonlySet<string> | null,
): Promise<Read & { thinned: boolean }> {
  const result = { points: [] as Point[], next: after, thinned: false };
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const handle = await fs.promises.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => null);
  if (handle === null) return result;
  try {
    if (!(await handle.stat()).isFile()) return result;
    const block = Buffer.alloc(blockBytes);
    let rest = Buffer.alloc(0);
    for (let at = after; ; ) {
      const { bytesRead } = await handle.read(block, 0, blockBytes, at);
      if (bytesRead === 0) return result;
      at += bytesRead;
      const text = Buffer.concat([rest, block.subarray(0, bytesRead)]);
      const end = text.lastIndexOf(10) + 1;
      rest = Buffer.from(text.subarray(end));
      result.next += end;
      for (const line of text.toString("utf8", 0, end).split("\n")) {
        const point = line === "" ? null : parsePoint(line, wanted);
        if (point !== null) result.points.push(point);
      }
      while (result.points.length > mostPoints) {
        result.points = thin(result.points);
        result.thinned = true;
      }
      if (rest.length > blockBytes) {
        result.next += rest.length;
        rest = Buffer.alloc(0);
      }
    }
  } finally {
    await handle.close();
  }
}

export async function metricsRead(context: Context, body: ParsedBody<"metrics.read">): Promise<Reply<"metrics.read">> {
  const runId = idOf(context, body.run);
  const wanted = body.names === undefined ? null : new Set(body.names);
  const { metrics, passiveMetrics } = context.base.run(runId);
  const logged = await readFrom(metrics, body.after, wanted);
  // Who asks for more and knows nothing of found points has had them with the first reply.
  const first = body.after === 0 ? 0 : null;
  const passiveAfter = body.passive_after ?? first;
  const found =
    passiveAfter === null
      ? { points: [], next: 0, thinned: false }
      : await readFrom(passiveMetrics, passiveAfter, wanted);
  return {
    run_id: runId,
    points: [...logged.points, ...found.points],
    next: logged.next,
    passive_next: found.next,
    thinned: logged.thinned || found.thinned,
  };
}
