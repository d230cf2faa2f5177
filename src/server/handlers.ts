/**
 * Which function answers which request. The type makes the table complete. What every day asks for is loaded with the server; the
 * rest when it is first asked for, so that a server that only runs scripts does not keep it in memory.
 */
import type { Ask, ParsedBody, Reply } from "../protocol/requests.ts";
import type { Context } from "./context.ts";
import { eventsPoll } from "./handlers/events-poll.ts";
import { hello } from "./handlers/hello.ts";
import { logRead } from "./handlers/log-read.ts";
import { runGet } from "./handlers/run-get.ts";
import { runResolve } from "./handlers/run-resolve.ts";
import { runWait } from "./handlers/run-wait.ts";
import { runsList } from "./handlers/runs-list.ts";
import { snapshotCommit } from "./handlers/snapshot-commit.ts";
import { snapshotKnown } from "./handlers/snapshot-known.ts";
import { snapshotOffer } from "./handlers/snapshot-offer.ts";
import { status } from "./handlers/status.ts";
import { submit } from "./handlers/submit.ts";
import { subscribe } from "./handlers/subscribe.ts";
import { unsubscribe } from "./handlers/unsubscribe.ts";

export type Handlers = {
  [A in Ask]: (context: Context, body: ParsedBody<A>) => Reply<A> | Promise<Reply<A>>;
};

type Answers = (context: Context, body: never) => unknown;
type BodyOf<F> = F extends (context: Context, body: infer Body) => unknown ? Body : never;

/** The function of that name of a module that is loaded when it is first asked for. Calls reach it in the order in which they came. */
function later<Name extends string, Module extends Record<Name, Answers>>(load: () => Promise<Module>, name: Name) {
  type Replies = Awaited<ReturnType<Module[Name]>>;
  return async (context: Context, body: BodyOf<Module[Name]>): Promise<Replies> => {
    const module = await load();
    return (await module[name](context, body as never)) as Replies;
  };
}

export const handlers: Handlers = {
  hello,
  submit,
  "data.put": later(() => import("./handlers/data-put.ts"), "dataPut"),
  "dataset.add": later(() => import("./handlers/datasets.ts"), "datasetAdd"),
  "dataset.verify": later(() => import("./handlers/datasets.ts"), "datasetVerify"),
  "dataset.job": later(() => import("./handlers/datasets.ts"), "datasetJob"),
  "dataset.looks": later(() => import("./handlers/datasets.ts"), "datasetLooks"),
  "dataset.list": later(() => import("./handlers/datasets.ts"), "datasetsList"),
  "dataset.show": later(() => import("./handlers/datasets.ts"), "datasetShow"),
  "dataset.remove": later(() => import("./handlers/datasets.ts"), "datasetRemove"),
  "snapshot.known": snapshotKnown,
  "prewarm.wish": later(() => import("./handlers/prewarm.ts"), "prewarmWish"),
  "prewarm.cancel": later(() => import("./handlers/prewarm.ts"), "prewarmCancel"),
  "prewarm.list": later(() => import("./handlers/prewarm.ts"), "prewarmList"),
  "snapshot.offer": snapshotOffer,
  "snapshot.commit": snapshotCommit,
  status,
  "runs.list": runsList,
  find: later(() => import("./handlers/find.ts"), "find"),
  "run.similar": later(() => import("./handlers/run-similar.ts"), "runSimilar"),
  "search.save": later(() => import("./handlers/search-save.ts"), "searchSave"),
  "search.list": later(() => import("./handlers/search-list.ts"), "searchList"),
  "run.get": runGet,
  "run.resolve": runResolve,
  "log.read": logRead,
  "log.search": later(() => import("./handlers/log-search.ts"), "logSearch"),
  "metrics.read": later(() => import("./handlers/metrics-read.ts"), "metricsRead"),
  "metrics.try": later(() => import("./handlers/metrics-try.ts"), "metricsTry"),
  "files.list": later(() => import("./handlers/files-list.ts"), "filesList"),
  "run.attach": later(() => import("./handlers/run-attach.ts"), "runAttach"),
  "run.type": later(() => import("./handlers/run-attach.ts"), "runType"),
  "run.detach": later(() => import("./handlers/run-attach.ts"), "runDetach"),
  "run.cancel": later(() => import("./handlers/run-cancel.ts"), "runCancel"),
  "run.priority": later(() => import("./handlers/run-priority.ts"), "runPriority"),
  "run.hold": later(() => import("./handlers/run-hold.ts"), "runHold"),
  "run.edit": later(() => import("./handlers/run-edit.ts"), "runEdit"),
  "run.annotate": later(() => import("./handlers/run-annotate.ts"), "runAnnotate"),
  "run.delete": later(() => import("./handlers/run-delete.ts"), "runDelete"),
  "bundle.known": later(() => import("./handlers/bundle-known.ts"), "bundleKnown"),
  "bundle.plan": later(() => import("./handlers/bundle-plan.ts"), "bundlePlan"),
  "code.prune": later(() => import("./handlers/code-prune.ts"), "codePrune"),
  "run.prune": later(() => import("./handlers/run-prune.ts"), "runPrune"),
  "run.reproduced": later(() => import("./handlers/run-reproduced.ts"), "runReproduced"),
  "run.validate": later(() => import("./handlers/run-validate.ts"), "runValidate"),
  "run.wait": runWait,
  "run.why": later(() => import("./handlers/run-why.ts"), "runWhy"),
  usage: later(() => import("./handlers/usage.ts"), "usage"),
  "audit.list": later(() => import("./handlers/audit-list.ts"), "auditList"),
  "reservation.list": later(() => import("./handlers/reservations.ts"), "reservationList"),
  "reservation.add": later(() => import("./handlers/reservations.ts"), "reservationAdd"),
  "reservation.remove": later(() => import("./handlers/reservations.ts"), "reservationRemove"),
  subscribe,
  unsubscribe,
  "events.poll": eventsPoll,
  workers: later(() => import("./handlers/workers.ts"), "workers"),
  "server.status": later(() => import("./handlers/server-status.ts"), "serverStatus"),
  "server.stop": later(() => import("./handlers/server-stop.ts"), "serverStop"),
  "server.check": later(() => import("./handlers/server-check.ts"), "serverCheck"),
  reindex: later(() => import("./handlers/reindex.ts"), "reindex"),
  "place.set": later(() => import("./handlers/place-set.ts"), "placeSet"),
  "key.add": later(() => import("./handlers/key-add.ts"), "keyAdd"),
  "key.list": later(() => import("./handlers/key-list.ts"), "keyList"),
  "key.revoke": later(() => import("./handlers/key-revoke.ts"), "keyRevoke"),
  "sweep.create": later(() => import("./handlers/sweep-create.ts"), "sweepCreate"),
  "sweep.list": later(() => import("./handlers/sweep-list.ts"), "sweepList"),
  "sweep.get": later(() => import("./handlers/sweep-get.ts"), "sweepGet"),
  "sweep.change": later(() => import("./handlers/sweep-change.ts"), "sweepChange"),
  complete: later(() => import("./handlers/complete.ts"), "complete"),
  "narrative.get": later(() => import("./handlers/narrative-get.ts"), "narrativeGet"),
  "narrative.change": later(() => import("./handlers/narrative-change.ts"), "narrativeChange"),
  "runs.unjudged": later(() => import("./handlers/runs-unjudged.ts"), "runsUnjudged"),
  "run.diff": later(() => import("./handlers/run-diff.ts"), "runDiff"),
  "run.explain": later(() => import("./handlers/run-explain.ts"), "runExplain"),
  "runs.compare": later(() => import("./handlers/runs-compare.ts"), "runsCompare"),
  "runs.facts": later(() => import("./handlers/memory.ts"), "runsFacts"),
  "runs.manifests": later(() => import("./handlers/runs-manifests.ts"), "runsManifests"),
  "memory.lessons": later(() => import("./handlers/memory.ts"), "lessons"),
  "memory.dead_ends": later(() => import("./handlers/memory.ts"), "deadEnds"),
  "memory.lineage": later(() => import("./handlers/memory.ts"), "lineage"),
  "memory.insights": later(() => import("./handlers/memory.ts"), "insights"),
};
