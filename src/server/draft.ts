/** From a submission to the manifests of its runs: arguments checked, names made free, ids and order given. Writes nothing. */
import * as fs from "node:fs";
import type { Catalog } from "../catalog/catalog.ts";
import { resolveRun } from "../catalog/resolve.ts";
import { MlError } from "../core/error.ts";
import { newRunId } from "../core/ids.ts";
import { isCredentialName, isSecretValue } from "../core/secrets.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { limits } from "../protocol/frames.ts";
import type { ParsedBody } from "../protocol/requests.ts";
import { type Manifest, newManifest } from "../run/manifest.ts";
import { badName, defaultName, freeName } from "../run/name.ts";
import { checkRetryKinds } from "../run/retry.ts";
import { badPath } from "../run/snapshot.ts";
import type { Context } from "./context.ts";
import { datasetsOf } from "./datasets-of-run.ts";
import type { Origin } from "./lineage.ts";
import { termsOf } from "./terms.ts";
import { venvOf } from "./venv-of-run.ts";

export type Spec = ParsedBody<"submit">["runs"][number];

/** Linux takes no single argument of 128 KiB or more (MAX_ARG_STRLEN, execve(2)), and no 2 MiB together with the environment. */
const argumentBytes = 128 * 1024 - 1;
const commandBytes = 1536 * 1024;

function requireArguments(argv: readonly string[]): void {
  if (argv[0]?.trim() === "") throw new MlError("usage", "the command is empty");
  let total = 0;
  for (const [index, word] of argv.entries()) {
    const refuse = (why: string) =>
      new MlError("usage", `argument ${index} of the command ${why}`, { data: { index } });
    if (word.includes("\0")) throw refuse("contains a NUL byte, which no program can be given");
    if (!word.isWellFormed()) throw refuse("is not valid Unicode");
    const bytes = Buffer.byteLength(word);
    if (bytes > argumentBytes) throw refuse(`has ${bytes} bytes, more than the ${argumentBytes} that Linux allows`);
    total += bytes + 9;
  }
  if (total > commandBytes) throw new MlError("usage", `the command has ${total} bytes, more than ${commandBytes}`);
}

/** What a script is started with. Throws `usage` for what no program can be given, `refused` for a credential. */
export function requireLaunchable({ argv, env }: Pick<Spec, "argv" | "env">): void {
  requireArguments(argv);
  for (const [name, value] of Object.entries(env)) {
    if (value.includes("\0")) throw new MlError("usage", `the environment variable \`${name}\` contains a NUL byte`);
    if (isCredentialName(name) || isSecretValue(value)) {
      throw new MlError(
        "refused",
        `\`${name}\` looks like a credential, and what a run is queued with is kept in files`,
        {
          hint: "set it in the environment of the worker (where `ml server start` is typed), or let the script read it from a file of yours",
        },
      );
    }
  }
}

function requireTexts(spec: Spec): void {
  for (const key of ["note", "hypothesis", "context", "intent", "expected_outcome"] as const) {
    const bytes = Buffer.byteLength(spec[key] ?? "");
    if (bytes > limits.textBytes) {
      throw new MlError("too_large", `\`${key}\` has ${bytes} bytes, more than ${limits.textBytes}`);
    }
  }
  checkRetryKinds(spec.retry_on);
  if (spec.retry_on.length > 0 && spec.retries === 0)
    throw new MlError("usage", "`retry_on` says when to retry, and `retries` allows none", {
      hint: "say how often: `--retries 2`",
    });
  const limitSeconds = (spec.requested.max_runtime_hours ?? 0) * 3600;
  if (spec.warn_signal != null && !((spec.warn_seconds ?? 0) > 0 && (spec.warn_seconds ?? 0) < limitSeconds)) {
    throw new MlError("usage", "`warn_signal` wants `warn_seconds`, and a time limit that is longer than they are");
  }
  if (spec.tty && spec.split_output)
    throw new MlError("usage", "`tty` and `split_output` exclude each other: a terminal has one output");
  if (spec.cwd !== "." && badPath(spec.cwd) !== null) {
    throw new MlError("bad_path", `the run cannot start in \`${spec.cwd}\`: ${badPath(spec.cwd)}`);
  }
}

/** Where the search for a free suffix goes on, by catalog, user and name: only to save time. */
const suffixHints = new WeakMap<Catalog, Map<string, number>>();
const keptHints = 1000;

/** Gives names that no live run of the user has, and remembers those given within one request. */
function nameGiver(context: Context): (wanted: string | null | undefined, argv: readonly string[]) => string {
  const { catalog, asker } = context;
  const given = new Set<string>();
  const far = new Set<string>();
  const hints = suffixHints.get(catalog) ?? new Map<string, number>();
  suffixHints.set(catalog, hints);
  return (wanted, argv) => {
    const reason = typeof wanted === "string" ? badName(wanted) : null;
    if (reason !== null) throw new MlError("usage", `a run cannot be named \`${wanted}\`: ${reason}`);
    const base = wanted ?? defaultName(argv);
    const key = `${asker.user}\n${base}`;
    const taken = (name: string) => given.has(name) || catalog.isNameTaken(asker.user, name);
    const { name, next } = freeName(base, taken, { hint: hints.get(key), near: !far.has(base) });
    if (next > 21) {
      far.add(base);
      if (hints.size > keptHints) hints.clear();
      hints.set(key, next);
    }
    given.add(name);
    return name;
  };
}

function freshId(context: Context, nowMs: number): string {
  for (let length = 6; ; length = Math.min(12, length + 1)) {
    const runId = newRunId(nowMs, length);
    if (!fs.existsSync(context.base.run(runId).folder)) return runId;
  }
}

function retryOf({ retries, retry_on: on, retry_backoff_seconds: backoff }: Spec): Manifest["launch"]["retry"] {
  if (retries === 0) return null;
  return { limit: retries, on, backoff_seconds: backoff, attempt: 1, first_run: null, crashes: 0 };
}

/** Throws `usage` where somebody is to be told and there is no way to. */
function notifyOf({ notifier, settings }: Context, { notify: wanted }: Spec): Manifest["launch"]["notify"] {
  if (wanted != null && wanted !== "never" && !notifier.able) {
    throw new MlError("usage", "the server has no way to tell anybody of the end of a run", {
      hint: "set `notify_command` or `notify_webhook` in the server's config (docs/notify.md), or leave `--notify` out",
    });
  }
  const when = wanted ?? settings.notify;
  return when === "never" || !notifier.able ? null : when;
}

let blank: Manifest | null = null;

/** A manifest with every default, parsed once: the values that go into it have been through a schema already. */
function blankManifest(): Manifest {
  blank ??= newManifest({ run_id: "", name: "", user: "", command: "", argv: [""], queued_at: "" });
  return blank;
}

interface Given {
  name: string;
  queuedAt: string;
  origin: Origin;
  terms: Manifest["launch"]["terms"];
  dryRun: boolean;
}

function draftRun(context: Context, spec: Spec, given: Given): Manifest {
  const nowMs = context.clock.nowMs();
  const base = blankManifest();
  const parent = spec.parent ?? null;
  const { argv, lineage, staged } = given.origin;
  return {
    ...base,
    run_id: freshId(context, nowMs),
    name: given.name,
    user: context.asker.user,
    command: quoteCommand(argv),
    argv,
    cwd: spec.cwd,
    queued_at: given.queuedAt,
    priority: spec.priority,
    metadata: { note: spec.note ?? null },
    narrative: {
      ...base.narrative,
      hypothesis: spec.hypothesis ?? null,
      context: spec.context ?? null,
      intent: spec.intent ?? null,
      expected_outcome: spec.expected_outcome ?? null,
      parent_run: parent === null ? null : resolveRun(context.catalog, parent, context.asker.user),
      experiment_group: spec.group ?? null,
      tags: spec.tags,
    },
    environment: {
      ...base.environment,
      snapshot: spec.snapshot,
      git_commit: spec.git?.commit ?? null,
      git_branch: spec.git?.branch ?? null,
      git_remote: spec.git?.remote ?? null,
      git_root: spec.git?.root ?? null,
      project: spec.project ?? null,
      git_dirty: spec.git?.dirty ?? null,
      git_upstream: spec.git?.upstream ?? null,
      git_unpushed: spec.git?.unpushed ?? null,
      git_submodules: spec.git?.submodules ?? [],
      venv: venvOf(context.base, spec, given.dryRun),
    },
    datasets: datasetsOf(context.base, { argv, wishes: spec.datasets }),
    resources: { ...base.resources, requested: spec.requested },
    lineage,
    launch: {
      ...base.launch,
      submit_id: spec.submit_id,
      sequence: context.catalog.nextSequence(nowMs),
      git_diff: spec.git_diff ?? null,
      git_upstream_diff: spec.git_upstream_diff ?? null,
      repro_level: spec.repro_level,
      reproduce: spec.reproduce ?? null,
      metric_patterns: spec.metric_patterns,
      staged,
      env: spec.env,
      split_output: spec.split_output,
      data_policy: spec.data_policy,
      trace_reads: spec.trace_reads,
      tty: spec.tty,
      grace_seconds: spec.grace_seconds,
      warn_signal: spec.warn_signal ?? null,
      warn_seconds: spec.warn_signal == null ? null : (spec.warn_seconds ?? null),
      held: spec.held,
      terms: given.terms,
      retry: retryOf(spec),
      notify: notifyOf(context, spec),
    },
  };
}

/** What the drafts of one submission share. */
export interface Drafting {
  queuedAt: string;
  /** By submit_id (originsOf). */
  origins: ReadonlyMap<string, Origin>;
  /** Nothing will be queued. */
  dryRun?: boolean;
}

/** Manifests in status `queued`. Throws `usage`, `too_large`, `bad_path`, and what resolving `parent` throws. */
export function draftRuns(
  context: Context,
  specs: readonly Spec[],
  { queuedAt, origins, dryRun = false }: Drafting,
): Manifest[] {
  const giveName = nameGiver(context);
  for (const spec of specs) {
    requireLaunchable(spec);
    requireTexts(spec);
  }
  const earlier = new Map<string, string>();
  return specs.map((spec, at) => {
    const origin = origins.get(spec.submit_id);
    if (origin === undefined) throw new Error(`the origin of ${spec.submit_id} is not known`);
    const waits = spec.after.length + spec.after_ok.length > 0;
    const later = new Set(waits ? specs.slice(at + 1).flatMap(({ name }) => name ?? []) : []);
    const terms = termsOf(context, spec, { earlier, later });
    const manifest = draftRun(context, spec, { name: giveName(spec.name, spec.argv), queuedAt, origin, terms, dryRun });
    earlier.set(manifest.name, manifest.run_id);
    return manifest;
  });
}
