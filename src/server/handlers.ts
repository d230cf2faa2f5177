/** Which function answers which request. The type makes the table complete. */
import type { Ask, ParsedBody, Reply } from "../protocol/requests.ts";
import type { Context } from "./context.ts";
import { auditList } from "./handlers/audit-list.ts";
import { bundleKnown } from "./handlers/bundle-known.ts";
import { bundlePlan } from "./handlers/bundle-plan.ts";
import { codePrune } from "./handlers/code-prune.ts";
import { complete } from "./handlers/complete.ts";
import { dataPut } from "./handlers/data-put.ts";
import {
  datasetAdd,
  datasetJob,
  datasetLooks,
  datasetRemove,
  datasetShow,
  datasetsList,
  datasetVerify,
} from "./handlers/datasets.ts";
import { eventsPoll } from "./handlers/events-poll.ts";
import { filesList } from "./handlers/files-list.ts";
import { find } from "./handlers/find.ts";
import { hello } from "./handlers/hello.ts";
import { keyAdd } from "./handlers/key-add.ts";
import { keyList } from "./handlers/key-list.ts";
import { keyRevoke } from "./handlers/key-revoke.ts";
import { logRead } from "./handlers/log-read.ts";
import { logSearch } from "./handlers/log-search.ts";
import { deadEnds, insights, lessons, lineage, runsFacts } from "./handlers/memory.ts";
import { metricsRead } from "./handlers/metrics-read.ts";
import { metricsTry } from "./handlers/metrics-try.ts";
import { narrativeChange } from "./handlers/narrative-change.ts";
import { narrativeGet } from "./handlers/narrative-get.ts";
import { placeSet } from "./handlers/place-set.ts";
import { prewarmCancel, prewarmList, prewarmWish } from "./handlers/prewarm.ts";
import { reindex } from "./handlers/reindex.ts";
import { reservationAdd, reservationList, reservationRemove } from "./handlers/reservations.ts";
import { runAnnotate } from "./handlers/run-annotate.ts";
import { runAttach, runDetach, runType } from "./handlers/run-attach.ts";
import { runCancel } from "./handlers/run-cancel.ts";
import { runDelete } from "./handlers/run-delete.ts";
import { runDiff } from "./handlers/run-diff.ts";
import { runEdit } from "./handlers/run-edit.ts";
import { runExplain } from "./handlers/run-explain.ts";
import { runGet } from "./handlers/run-get.ts";
import { runHold } from "./handlers/run-hold.ts";
import { runPriority } from "./handlers/run-priority.ts";
import { runPrune } from "./handlers/run-prune.ts";
import { runReproduced } from "./handlers/run-reproduced.ts";
import { runResolve } from "./handlers/run-resolve.ts";
import { runSimilar } from "./handlers/run-similar.ts";
import { runValidate } from "./handlers/run-validate.ts";
import { runWait } from "./handlers/run-wait.ts";
import { runWhy } from "./handlers/run-why.ts";
import { runsCompare } from "./handlers/runs-compare.ts";
import { runsList } from "./handlers/runs-list.ts";
import { runsManifests } from "./handlers/runs-manifests.ts";
import { runsUnjudged } from "./handlers/runs-unjudged.ts";
import { searchList } from "./handlers/search-list.ts";
import { searchSave } from "./handlers/search-save.ts";
import { serverCheck } from "./handlers/server-check.ts";
import { serverStatus } from "./handlers/server-status.ts";
import { serverStop } from "./handlers/server-stop.ts";
import { snapshotCommit } from "./handlers/snapshot-commit.ts";
import { snapshotKnown } from "./handlers/snapshot-known.ts";
import { snapshotOffer } from "./handlers/snapshot-offer.ts";
import { status } from "./handlers/status.ts";
import { submit } from "./handlers/submit.ts";
import { subscribe } from "./handlers/subscribe.ts";
import { sweepChange } from "./handlers/sweep-change.ts";
import { sweepCreate } from "./handlers/sweep-create.ts";
import { sweepGet } from "./handlers/sweep-get.ts";
import { sweepList } from "./handlers/sweep-list.ts";
import { unsubscribe } from "./handlers/unsubscribe.ts";
import { usage } from "./handlers/usage.ts";
import { workers } from "./handlers/workers.ts";

export type Handlers = {
  [A in Ask]: (context: Context, body: ParsedBody<A>) => Reply<A> | Promise<Reply<A>>;
};

export const handlers: Handlers = {
  hello,
  submit,
  "data.put": dataPut,
  "dataset.add": datasetAdd,
  "dataset.verify": datasetVerify,
  "dataset.job": datasetJob,
  "dataset.looks": datasetLooks,
  "dataset.list": datasetsList,
  "dataset.show": datasetShow,
  "dataset.remove": datasetRemove,
  "snapshot.known": snapshotKnown,
  "prewarm.wish": prewarmWish,
  "prewarm.cancel": prewarmCancel,
  "prewarm.list": prewarmList,
  "snapshot.offer": snapshotOffer,
  "snapshot.commit": snapshotCommit,
  status,
  "runs.list": runsList,
  find,
  "run.similar": runSimilar,
  "search.save": searchSave,
  "search.list": searchList,
  "run.get": runGet,
  "run.resolve": runResolve,
  "log.read": logRead,
  "log.search": logSearch,
  "metrics.read": metricsRead,
  "metrics.try": metricsTry,
  "files.list": filesList,
  "run.attach": runAttach,
  "run.type": runType,
  "run.detach": runDetach,
  "run.cancel": runCancel,
  "run.priority": runPriority,
  "run.hold": runHold,
  "run.edit": runEdit,
  "run.annotate": runAnnotate,
  "run.delete": runDelete,
  "bundle.known": bundleKnown,
  "bundle.plan": bundlePlan,
  "code.prune": codePrune,
  "run.prune": runPrune,
  "run.reproduced": runReproduced,
  "run.validate": runValidate,
  "run.wait": runWait,
  "run.why": runWhy,
  usage,
  "audit.list": auditList,
  "reservation.list": reservationList,
  "reservation.add": reservationAdd,
  "reservation.remove": reservationRemove,
  subscribe,
  unsubscribe,
  "events.poll": eventsPoll,
  workers,
  "server.status": serverStatus,
  "server.stop": serverStop,
  "server.check": serverCheck,
  reindex,
  "place.set": placeSet,
  "key.add": keyAdd,
  "key.list": keyList,
  "key.revoke": keyRevoke,
  "sweep.create": sweepCreate,
  "sweep.list": sweepList,
  "sweep.get": sweepGet,
  "sweep.change": sweepChange,
  complete,
  "narrative.get": narrativeGet,
  "narrative.change": narrativeChange,
  "runs.unjudged": runsUnjudged,
  "run.diff": runDiff,
  "run.explain": runExplain,
  "runs.compare": runsCompare,
  "runs.facts": runsFacts,
  "runs.manifests": runsManifests,
  "memory.lessons": lessons,
  "memory.dead_ends": deadEnds,
  "memory.lineage": lineage,
  "memory.insights": insights,
};
