/**
 * Every request, declared once: the schema of its body, who may ask, and the type of its reply. Server handlers, the
 * HTTP route, docs/protocol.md and the client's types all come from this table. Clients import it as types only.
 *
 * A `run` is any name of a run: id, prefix of the id or of its random part, name, `@last`, `@last~2`, `@running`,
 * `@failed`, `best:METRIC` or `min:METRIC` (`best:METRIC@GROUP`). Unknown fields are ignored. Times are RFC 3339 in UTC, sizes in bytes, unknown is null.
 */
import { z } from "zod";
import { warnSignals } from "../core/warn-signals.ts";
import type { Blocker } from "../run/blocker.ts";
import type { Manifest } from "../run/manifest.ts";
import { lineageKinds, requestedSchema } from "../run/manifest.ts";
import { datasetPolicies } from "../run/manifest-data.ts";
import { statuses } from "../run/status.ts";
import type { WorkerFacts } from "../run/worker-facts.ts";
import type { ExpectationReply } from "../think/expectation-check.ts";
import { bundleRequests } from "./bundle-requests.ts";
import type { Check } from "./check.ts";
import { dataRequests } from "./data-requests.ts";
import { declare, freeText, page, type Role, ref, refs } from "./declare.ts";
import { type FindReply, findBody, type SavedSearch, type SimilarReply, saveBody, similarBody } from "./find.ts";
import type { EtaAccuracy, Similar } from "./foresight.ts";
import { limits } from "./frames.ts";
import { keepRequests, reproduceWish, reproLevel } from "./keep-requests.ts";
import { lineRequests, waitTerms } from "./line-requests.ts";
import { logRequests, stream } from "./log-requests.ts";
import { manifestRequests } from "./manifest-requests.ts";
import type { RunSummary } from "./summary.ts";
import { sweepRequests } from "./sweep-requests.ts";
import { terminalRequests } from "./terminal-requests.ts";
import { thinkRequests } from "./think-requests.ts";
import { transferRequests } from "./transfer-requests.ts";

export type { Role };

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const submitSchema = z.object({
  /** Client-made, 8 to 64 characters; a repeated submission with the same id gives the same run. */
  submit_id: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/),
  argv: z
    .array(z.string().max(2 * 1024 * 1024))
    .min(1)
    .max(10_000),
  /** Folder inside the snapshot in which the run starts. */
  cwd: z.string().max(4096).default("."),
  /** Null: an empty work folder. */
  snapshot: sha256.nullable(),
  name: z.string().max(128).nullable().optional(),
  priority: z.number().int().min(1).max(10).default(5),
  held: z.boolean().default(false),
  note: freeText,
  hypothesis: freeText,
  context: freeText,
  intent: freeText,
  expected_outcome: freeText,
  /** Any name of a run; stored as its id. */
  parent: ref.nullable().optional(),
  group: z.string().max(256).nullable().optional(),
  tags: z.array(z.string().min(1).max(128)).max(100).default([]),
  ...waitTerms,
  requested: requestedSchema.prefault({}),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(128 * 1024)).default({}),
  split_output: z.boolean().default(false),
  /** Registered datasets, as NAME or NAME=VERSION; `{data:NAME}` in argv becomes the folder. */
  datasets: z.array(z.string().min(1).max(201)).max(50).default([]),
  /** Where they are not on the local disk at its turn: wait for that, fetch them before the start, or read them where they are. */
  data_policy: z.enum(datasetPolicies).default("fetch"),
  /** A uv.lock or requirements file of the code, from `cwd`: it is started in an environment built from that (docs/data.md). */
  venv: z.string().min(1).max(1024).nullable().optional(),
  /** The files that it reads are looked for while it runs. */
  trace_reads: z.boolean().default(false),
  /** On a terminal of its own, for `run.attach`; one terminal has one output, so not with `split_output`. */
  tty: z.boolean().default(false),
  grace_seconds: z.number().min(0).max(3600).default(30),
  /** When somebody is told of its end; left out: as the server's setting `notify` says. */
  notify: z.enum(["ended", "failed", "never"]).nullable().optional(),
  /** Tried again as a new run where it fails, so many times; only with one of these kinds of failure, where any are given. */
  retries: z.number().int().min(0).max(100).default(0),
  retry_on: z.array(z.string().max(64)).max(32).default([]),
  retry_backoff_seconds: z.number().min(0).max(3600).default(10),
  /** Sent to the script so many seconds before its time limit, which must be longer. */
  warn_signal: z.enum(warnSignals).nullable().optional(),
  warn_seconds: z.number().positive().nullable().optional(),
  /** What the person calls the project that the code belongs to. */
  project: z.string().min(1).max(256).nullable().optional(),
  /** Where the code comes from, as the client saw it: commit, branch, remote, dirty, and the diff (text, may be cut). */
  git: z
    .object({
      commit: z.string().max(64).nullable(),
      root: z.string().max(64).nullable().optional(),
      branch: z.string().max(256).nullable(),
      remote: z.string().max(2048).nullable(),
      dirty: z.boolean().nullable(),
      upstream: z.string().max(256).nullable().optional(),
      unpushed: z.number().int().min(0).nullable().optional(),
      submodules: z
        .array(z.object({ path: z.string().max(4096), commit: z.string().max(64), dirty: z.boolean() }))
        .max(1000)
        .optional(),
    })
    .nullable()
    .optional(),
  /** Hash of a blob with `git diff HEAD` at submission, sent like code. */
  git_diff: sha256.nullable().optional(),
  /** The same against the upstream branch. */
  git_upstream_diff: sha256.nullable().optional(),
  /** `strict` refuses what could not be reproduced, and says how to make it so. */
  repro_level: reproLevel.default("basic"),
  /** For lineage `reproduce`. */
  reproduce: reproduceWish,
  /** Templates of printed lines that hold metrics: `loss: {loss}`. */
  metric_patterns: z.array(z.string().min(1).max(300)).max(20).default([]),
  /** Which run it is made from, and how; null for a run of its own. */
  lineage: z
    .object({
      kind: z.enum(lineageKinds),
      source: ref.nullable().optional(),
      sweep_id: z.string().max(128).nullable().optional(),
      sweep_point: z.record(z.string().max(256), z.string().max(4096)).nullable().optional(),
    })
    .nullable()
    .optional(),
  /** Files, folders and patterns under work/ of that run, copied into the new one; `{staged}` in argv becomes their folder. */
  stage: z.array(z.string().min(1).max(4096)).max(100).default([]),
});
export type SubmitSpec = z.input<typeof submitSchema>;

export interface Submitted {
  run_id: string;
  name: string;
  status: RunSummary["status"];
  position: number | null;
  eta: string | null;
  eta_range: RunSummary["eta_range"];
  /** Why it does not start at once, every reason; only where the request was about one run, or a dry one. */
  waits_for: Blocker[];
  folder: string;
  command: string;
  /** True where this submit_id had been taken before: the run is the one made then. */
  duplicate: boolean;
  /** What runs like it took; null where none is known, left out where nobody looked. */
  similar?: Similar | null;
}

export interface WorkerState extends WorkerFacts {
  /** Whether the last heartbeat is recent enough. */
  alive: boolean;
}

export interface ServerState {
  pid: number;
  version: string;
  base: string;
  url: string | null;
  socket: string | null;
  host: string;
  started_at: string;
  now: string;
  queue: { backend: string; ok: boolean; degraded: boolean; problem: string | null; waiting: number };
  disk: { free_bytes: number | null; total_bytes: number | null };
  /** Sentences: Redis down, disk low, read-only, damaged runs … Empty where all is well. */
  problems: string[];
}

export const requests = {
  ...lineRequests,
  ...keepRequests,
  ...bundleRequests,
  ...transferRequests,
  /** First words of a connection: who am I talking to, and may I? */
  hello: declare<{
    version: string;
    protocol: number;
    user: string;
    role: Role;
    host: string;
    base: string;
    now: string;
    /** Names this process of the server: another one after each start. */
    instance: string;
  }>()("viewer", () => z.object({ version: z.string(), protocol: z.number() })),
  /** All or nothing. Throws `snapshot_missing` (data: {snapshots}) before anything is queued, `refused` for what can never fit. */
  submit: declare<{ runs: Submitted[] }>()("user", () =>
    z.object({
      runs: z.array(submitSchema).min(1).max(limits.submitRuns),
      dry_run: z.boolean().default(false),
      /** The `instance` of the server that is the first to be sent these: then none of them can be a run that an earlier one made. */
      new_to: z.string().max(100).nullish(),
    }),
  ),
  status: declare<{
    server: ServerState;
    workers: WorkerState[];
    running: RunSummary[];
    waiting: RunSummary[];
    recent: RunSummary[];
    totals: Record<string, number>;
    /** How often intervals of ends (`eta_range` of running runs) held, over the newest ended runs. */
    eta_accuracy: EtaAccuracy;
  }>()("viewer", () => z.object({ ...page, user: z.string().nullable().optional() })),
  /** Newest first. `before` is the run_id of the last row of the page before. */
  "runs.list": declare<{ runs: RunSummary[]; next: string | null }>()("viewer", () =>
    z.object({
      ...page,
      status: z.array(z.enum(statuses)).optional(),
      user: z.string().optional(),
      group: z.string().optional(),
      tag: z.string().optional(),
      before: ref.optional(),
    }),
  ),
  /** A search in the language of docs/find.md, or in English unless `literal`; `query` in the reply is what it was read as. */
  find: declare<FindReply>()("viewer", () => findBody().extend(page)),
  /** Runs of the same script, the nearest by their parameters first; of a run, or of one that is only planned. */
  "run.similar": declare<SimilarReply>()("viewer", similarBody),
  /** A null `query` forgets the search. */
  "search.save": declare<SavedSearch>()("user", saveBody),
  "search.list": declare<{ searches: { name: string; query: string }[] }>()("viewer", () => z.object({})),
  /** `expectation`: what was expected against what came, worked out anew from the record; null where nothing was expected. */
  "run.get": declare<{
    summary: RunSummary;
    manifest: Manifest;
    folder: string;
    worker: string | null;
    expectation: ExpectationReply | null;
  }>()("viewer", () => z.object({ run: ref })),
  /** Names to ids; `many: true` lets @running and @failed give several. */
  "run.resolve": declare<{ run_ids: string[] }>()("viewer", () =>
    z.object({ runs: refs, many: z.boolean().default(false) }),
  ),
  ...logRequests,
  ...manifestRequests,
  /**
   * Points in order of arrival: those that were logged, then those that were found (`metrics.passive.jsonl`). `after` is the `next` of the reply before. At most 100,000 points a reply, thinned beyond that.
   * Who asks on gives `passive_after` too, the `passive_next` of the reply before; who does not gets no found points twice.
   */
  "metrics.read": declare<{
    run_id: string;
    points: { name: string; value: number | string; step: number | null; t: number }[];
    next: number;
    passive_next: number;
    thinned: boolean;
  }>()("viewer", () =>
    z.object({
      run: ref,
      names: z.array(z.string()).optional(),
      after: z.number().int().min(0).default(0),
      passive_after: z.number().int().min(0).optional(),
    }),
  ),
  /** Queued: gone at once. Running: SIGTERM, grace, SIGKILL; `now` skips the grace. Idempotent; ended already is `conflict`. */
  "run.cancel": declare<{ runs: { run_id: string; status: RunSummary["status"]; stopping: boolean }[] }>()("user", () =>
    z.object({ runs: refs, now: z.boolean().default(false), reason: z.string().max(1024).nullable().optional() }),
  ),
  "run.priority": declare<{ runs: Submitted[] }>()("user", () =>
    z.object({
      runs: refs,
      priority: z.number().int().min(1).max(10),
      reason: z.string().max(1024).nullable().optional(),
    }),
  ),
  /** What a waiting run is to be: keys left out stay. `changed` names the fields of the manifest. `conflict` once it has started. */
  "run.edit": declare<{ run_id: string; changed: string[] }>()("user", () =>
    z.object({
      run: ref,
      change: z.object({
        name: z.string().max(128).optional(),
        argv: submitSchema.shape.argv.optional(),
        env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(128 * 1024)).optional(),
        grace_seconds: z.number().min(0).max(3600).optional(),
        requested: requestedSchema.optional(),
      }),
      dry_run: z.boolean().default(false),
    }),
  ),
  "run.annotate": declare<{ run_id: string; timestamp: string }>()("user", () =>
    z.object({
      run: ref,
      note: z.string().min(1).max(limits.textBytes),
      author: z.string().max(256).nullable().optional(),
    }),
  ),
  /** Only ended runs; `dry_run` says what would go and how much it frees. */
  "run.delete": declare<{ runs: { run_id: string; size_bytes: number; deleted: boolean }[] }>()("user", () =>
    z.object({ runs: refs, dry_run: z.boolean().default(false) }),
  ),
  /** A run that is tried again is waited for in its next attempt. Answers when all (with `any`: one) have ended or after `timeout_ms` (60 s at most; ask again). */
  "run.wait": declare<{ done: boolean; runs: RunSummary[]; ended: string[] }>()("viewer", () =>
    z.object({
      runs: refs,
      any: z.boolean().default(false),
      timeout_ms: z.number().int().min(0).max(60_000).default(30_000),
    }),
  ),
  /** Snapshot now, then events after it: `runs` all runs or the named, `logs` how far the logs of the named have grown. */
  subscribe: declare<{ seq: number; runs: RunSummary[]; server: ServerState }>()("viewer", () =>
    z.object({
      runs: z.union([z.boolean(), z.array(ref).max(1000)]).default(true),
      logs: z
        .array(z.object({ run: ref, stream }))
        .max(100)
        .default([]),
    }),
  ),
  unsubscribe: declare<Record<string, never>>()("viewer", () => z.object({})),
  /** The same for those who poll: first without `poll_id`, then with it; waits up to `wait_ms` for events after `after`. */
  "events.poll": declare<{
    poll_id: string;
    seq: number;
    events: import("./frames.ts").EventFrame[];
    snapshot: { runs: RunSummary[]; server: ServerState } | null;
  }>()("viewer", () =>
    z.object({
      poll_id: z.string().max(64).optional(),
      after: z.number().int().min(0).default(0),
      wait_ms: z.number().int().min(0).max(30_000).default(20_000),
      runs: z.union([z.boolean(), z.array(ref).max(1000)]).default(true),
      logs: z
        .array(z.object({ run: ref, stream }))
        .max(100)
        .default([]),
    }),
  ),
  /**
   * The workers with their machines, cards and what the runs in their hands use, and those runs. With `watch`, they look
   * now and go on looking for 15 seconds: ask again sooner, and the figures stay current.
   */
  workers: declare<{ now: string; workers: WorkerState[]; runs: RunSummary[] }>()("viewer", () =>
    z.object({ watch: z.boolean().default(true) }),
  ),
  "server.status": declare<ServerState & { workers: WorkerState[]; clients: number; memory_bytes: number }>()(
    "viewer",
    () => z.object({}),
  ),
  /** Stops the server; runs go on. */
  "server.stop": declare<{ pid: number; running: number }>()("admin", () => z.object({})),
  "server.check": declare<{ checks: Check[] }>()("viewer", () => z.object({})),
  /** Nothing new is started on a host or card (`aside`), or things are again. A card by id, the start of it, or index, as `host/index` where several have it. */
  "place.set": declare<{ kind: "host" | "gpu"; host: string; gpu: string | null; aside: boolean }>()("admin", () =>
    z.object({
      kind: z.enum(["host", "gpu"]),
      name: z.string().min(1).max(256),
      aside: z.boolean(),
      reason: z.string().max(1024).nullable().optional(),
    }),
  ),
  "key.add": declare<{ key_id: string; user: string; role: Role; key: string }>()("admin", () =>
    z.object({
      user: z.string().regex(/^[A-Za-z0-9_.@-]{1,64}$/),
      role: z.enum(["viewer", "user", "admin"]).default("user"),
      label: z.string().max(256).nullable().optional(),
    }),
  ),
  "key.list": declare<{
    keys: {
      key_id: string;
      user: string;
      role: Role;
      label: string | null;
      added_at: string;
      last_used_at: string | null;
    }[];
  }>()("admin", () => z.object({})),
  "key.revoke": declare<{ key_id: string; user: string }>()("admin", () =>
    z.object({ key_id: z.string().min(1).max(64) }),
  ),
  /** Words that may stand next, for shell completion. */
  complete: declare<{ words: { word: string; about: string | null }[] }>()("viewer", () =>
    z.object({
      kind: z.enum(["run", "live_run", "tag", "group", "metric", "dataset", "query"]),
      prefix: z.string().max(256).default(""),
      run: ref.optional(),
    }),
  ),
  ...thinkRequests,
  ...sweepRequests,
  ...dataRequests,
  ...terminalRequests,
};

export type Requests = typeof requests;
export type Ask = keyof Requests;
/** What a client sends: defaults may be left out. */
export type Body<A extends Ask> = z.input<Requests[A]["body"]>;
/** What a handler receives: defaults filled in. */
export type ParsedBody<A extends Ask> = z.output<Requests[A]["body"]>;
export type Reply<A extends Ask> = Requests[A]["reply"];
