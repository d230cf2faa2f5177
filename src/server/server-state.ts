/** The server about itself: what status, subscribe and server.status show. */
import { isoTime } from "../core/clock.ts";
import { version } from "../core/version.ts";
import type { ServerState } from "../protocol/requests.ts";
import type { QueueHealth } from "../queue/port.ts";
import type { Services } from "./context.ts";

const healthWaitMs = 1500;
const namedDamaged = 5;

/** Health of the queue, not waited for longer than a second and a half: a hung backend is a problem, not a hang of ours. */
async function queueHealth(services: Services): Promise<QueueHealth> {
  const { queue_backend: backend } = services.settings;
  const late: QueueHealth = { backend, ok: false, problem: "the queue does not answer", degraded: false };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<QueueHealth>((resolve) => {
    timer = setTimeout(() => resolve(late), healthWaitMs);
  });
  const asked = services.queue.health().catch((cause) => ({ ...late, problem: String(cause?.message ?? cause) }));
  const health = await Promise.race([asked, patience]);
  clearTimeout(timer);
  if (health.needsRebuild) void services.feeder.refill();
  return health;
}

function damageProblems(services: Services): string[] {
  const damaged = services.catalog.damaged(namedDamaged + 1);
  if (damaged.length > namedDamaged) {
    return [
      `${damaged.length > namedDamaged ? "more than " : ""}${namedDamaged} runs have damaged manifests; \`ml reindex\` names them all`,
    ];
  }
  return damaged.map(({ run_id, reason }) => `run \`${run_id}\` is damaged: ${reason}`);
}

export async function serverState(services: Services): Promise<ServerState> {
  const health = await queueHealth(services);
  const { identity, disk, catalog, problems, workers, base, clock } = services;
  const { freeBytes, totalBytes } = disk.state();
  const sentences = [
    disk.problem() ?? disk.warning(),
    health.ok && !health.degraded ? null : (health.problem ?? "the queue is degraded"),
    ...problems.all(),
    ...workers.problems(),
    ...damageProblems(services),
  ];
  return {
    pid: identity.pid,
    version,
    base: base.base,
    url: identity.url,
    socket: identity.socket,
    host: identity.host,
    started_at: identity.startedAt,
    now: isoTime(clock.nowMs()),
    queue: {
      backend: health.backend,
      ok: health.ok,
      degraded: health.degraded,
      problem: health.problem,
      waiting: catalog.totals().queued,
    },
    disk: { free_bytes: freeBytes, total_bytes: totalBytes },
    problems: sentences.filter((sentence) => sentence !== null),
  };
}
