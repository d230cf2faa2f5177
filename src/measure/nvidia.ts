/**
 * NVIDIA cards, by nvidia-smi. While somebody needs to know, one child prints a row for each card and each process every
 * second; starting the program anew each time would cost a tenth of a core. It may fail in many ways and hang in the
 * kernel for ever: after five silent seconds it is abandoned, the cards count as unknown, and no other is started while
 * an abandoned one lives. Trouble is looked at again every ten seconds for as long as somebody needs to know.
 */
import { type Answer, ask, lastWords } from "../capture/child.ts";
import type { GpuLook, GpuMeter, GpuUse } from "./gpu.ts";
import { type LineChild, startLineChild } from "./line-child.ts";
import {
  appFields,
  devicesOf,
  type GpuRow,
  gpuFields,
  type MigDevice,
  olderNames,
  parseGpuRow,
  parseMigList,
  parseUseRow,
  unknownField,
} from "./nvidia-rows.ts";

export interface NvidiaOptions {
  /** Absolute path of nvidia-smi. */
  program: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Silence after which it counts as hung. */
  patienceMs?: number;
  /** Between two looks, and between two tries after trouble. */
  everyMs?: number;
  retryMs?: number;
  /** Monotonic milliseconds. */
  now?: () => number;
}

const format = "--format=csv,noheader,nounits";
/** A process that was not told of for so many looks has ended. */
const forgottenLooks = 2.5;

/**
 * Two queries under one shell, so that both go when we do: the one for cards always prints and ends of a closed pipe,
 * the one for processes would wait for ever where there are none, and is ended with it.
 */
const pair = `smi=$1 every=$2 only=$3 apps=$4 gpus=$5
"$smi" $only "--query-compute-apps=$apps" ${format} -lms "$every" &
"$smi" $only "--query-gpu=$gpus" ${format} -lms "$every"
rc=$?
kill $! 2>/dev/null
exit $rc`;

class Trouble extends Error {}

export class NvidiaMeter implements GpuMeter {
  readonly vendor = "nvidia";
  readonly #options: Required<NvidiaOptions>;
  #fields: string[] | null = null;
  #migs: MigDevice[] = [];
  /** Cards that the program must not ask about, because asking fails: their rows stay as they were, with a fault. */
  readonly #lost = new Map<string, GpuRow>();
  #rows = new Map<number, GpuRow>();
  #uses = new Map<string, { use: GpuUse; seenMs: number }>();
  #usesKnown = false;
  #look: GpuLook | null = null;
  #trouble: string | null = null;
  #child: LineChild | null = null;
  #stuck: Promise<unknown> | null = null;
  #wanted = false;
  #beginning: Promise<void> | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  readonly #listeners: (() => void)[] = [];

  constructor(options: NvidiaOptions) {
    this.#options = { patienceMs: 5000, everyMs: 1000, retryMs: 10_000, now: () => performance.now(), ...options };
  }

  last = () => this.#look;
  trouble = () => this.#trouble;

  onLook(listener: () => void): void {
    this.#listeners.push(listener);
  }

  begin(): Promise<void> {
    this.#wanted = true;
    if (this.#child !== null || this.#retry !== null) return Promise.resolve();
    this.#beginning ??= this.#start().finally(() => {
      this.#beginning = null;
      this.#tell();
    });
    return this.#beginning;
  }

  end(): void {
    this.#wanted = false;
    this.#child?.stop();
    this.#child = null;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  async #start(): Promise<void> {
    try {
      if (this.#stuck !== null) throw new Trouble("an nvidia-smi from before still hangs in the driver");
      const rows = await this.#queryRows();
      // A card may have been split anew since the last time.
      this.#migs = rows.some((row) => row.mig) ? await this.#queryMigs() : [];
      const uses = await this.#queryUses();
      this.#rows = new Map([...rows, ...this.#lost.values()].map((row) => [row.index, row]));
      const seenMs = this.#options.now();
      this.#uses = new Map((uses ?? []).map((use) => [`${use.pid} ${use.cardId}`, { use, seenMs }]));
      this.#usesKnown = uses !== null;
      this.#trouble = null;
      this.#makeLook();
      if (this.#wanted) this.#goOn();
    } catch (cause) {
      if (!(cause instanceof Trouble)) throw cause;
      this.#fail(cause.message);
    }
  }

  #fail(reason: string): void {
    this.#trouble = `GPUs are unknown: ${reason}`;
    this.#child = null;
    if (!this.#wanted) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      if (this.#wanted) void this.begin();
    }, this.#options.retryMs);
  }

  async #question(args: readonly string[]): Promise<Answer> {
    const { program, env, patienceMs } = this.#options;
    const answer = await ask([program, ...args], { env, timeoutMs: patienceMs });
    if (answer.kind === "hung") this.#abandon(answer.gone);
    return answer;
  }

  #abandon(gone: Promise<unknown>): void {
    const stuck = gone.finally(() => {
      if (this.#stuck === stuck) this.#stuck = null;
    });
    this.#stuck = stuck;
  }

  /** Which cards to ask about: all, or those that are left. */
  #only(): string[] {
    if (this.#lost.size === 0) return [];
    const lost = new Set([...this.#lost.values()].map((row) => row.index));
    return [`--id=${[...this.#rows.keys()].filter((index) => !lost.has(index)).join(",")}`];
  }

  async #queryRows(): Promise<GpuRow[]> {
    let fields: string[] = this.#fields ?? [...gpuFields];
    // Each failure drops a field or a card, so this ends.
    for (;;) {
      const answer = await this.#question([...this.#only(), `--query-gpu=${fields.join(",")}`, format]);
      if (answer.kind !== "exited") throw new Trouble(`nvidia-smi ${answer.reason}`);
      if (answer.exitCode === 0) {
        this.#fields = fields;
        return answer.stdout.split("\n").flatMap((line) => parseGpuRow(line, fields) ?? []);
      }
      const said = `${answer.stdout}\n${answer.stderr}`;
      const unknown = unknownField(said);
      if (unknown !== null && fields.includes(unknown)) {
        const older = olderNames[unknown as keyof typeof olderNames];
        fields = fields.flatMap((field) => (field === unknown ? (older ?? []) : field));
        if (fields.length > 0) continue;
      }
      if (this.#setLostApart(said)) continue;
      throw new Trouble(reasonOf(answer.exitCode, lastWords(answer)));
    }
  }

  /** True where the words name a card that the driver has lost, and others are left. */
  #setLostApart(words: string): boolean {
    const bus =
      /GPU ?([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d)[^\n]*(?:is lost|requires reset|Unknown Error)/.exec(
        words,
      )?.[1];
    const row = [...this.#rows.values()].find((one) => sameBus(one.busId, bus ?? null));
    if (row === undefined || this.#lost.has(row.id)) return false;
    this.#lost.set(row.id, { ...row, fault: `the driver has lost it: ${words.trim().split("\n").at(-1) ?? ""}` });
    return this.#lost.size < this.#rows.size;
  }

  async #queryMigs(): Promise<MigDevice[]> {
    const answer = await this.#question(["-L"]);
    return answer.kind === "exited" ? parseMigList(answer.stdout) : [];
  }

  /** Null where the driver does not tell. */
  async #queryUses(): Promise<GpuUse[] | null> {
    const answer = await this.#question([...this.#only(), `--query-compute-apps=${appFields}`, format]);
    if (answer.kind === "hung") throw new Trouble(`nvidia-smi ${answer.reason}`);
    if (answer.kind !== "exited" || answer.exitCode !== 0) return null;
    return answer.stdout.split("\n").flatMap((line) => parseUseRow(line) ?? []);
  }

  #goOn(): void {
    const { program, env, patienceMs, everyMs } = this.#options;
    const fields = this.#fields ?? [];
    const only = this.#only().join(" ");
    const command = ["/bin/sh", "-c", pair, "sh", program, String(everyMs), only, appFields, fields.join(",")];
    let seen = new Set<number>();
    let words = "";
    const child = startLineChild(command, {
      env,
      patienceMs,
      onLine: (line) => {
        const row = parseGpuRow(line, fields);
        const use = row === null ? parseUseRow(line) : null;
        if (use !== null) this.#uses.set(`${use.pid} ${use.cardId}`, { use, seenMs: this.#options.now() });
        else if (row === null) words = line.trim().slice(0, 300);
        if (row === null) return;
        this.#rows.set(row.index, row);
        seen.add(row.index);
        if (seen.size < this.#rows.size - this.#lost.size) return;
        seen = new Set();
        this.#makeLook();
        this.#tell();
      },
      onEnd: ({ exitCode, words: last }) => {
        this.#child = null;
        if (exitCode === null) {
          this.#abandon(child.gone);
          this.#fail(`nvidia-smi has said nothing for ${patienceMs / 1000} s`);
        } else if (this.#setLostApart(`${words}\n${last}`)) void this.begin();
        else this.#fail(reasonOf(exitCode, last));
        this.#tell();
      },
    });
    this.#child = child;
  }

  #makeLook(): void {
    const { now, everyMs } = this.#options;
    const nowMs = now();
    for (const [key, { seenMs }] of this.#uses) if (nowMs - seenMs > forgottenLooks * everyMs) this.#uses.delete(key);
    const rows = [...this.#rows.values()].map((row) => this.#lost.get(row.id) ?? row).sort((a, b) => a.index - b.index);
    this.#look = {
      atMs: nowMs,
      readings: devicesOf(rows, this.#migs),
      uses: this.#usesKnown ? [...this.#uses.values()].map(({ use }) => use) : null,
    };
  }
}

function reasonOf(exitCode: number, words: string): string {
  // nvidia-smi(1), RETURN VALUE; seen after every unattended upgrade of a driver.
  if (exitCode === 18)
    return "driver and library versions differ (nvidia-smi exits with 18): reboot, or reload the driver";
  if (exitCode === 9) return "the NVIDIA driver is not loaded (nvidia-smi exits with 9)";
  return `nvidia-smi exited with ${exitCode}${words === "" ? "" : `: ${words}`}`;
}

/** `00000000:01:00.0` and `0000:01:00.0` are the same place. */
function sameBus(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return false;
  const short = (bus: string) => bus.toLowerCase().replace(/^0{4}(?=[0-9a-f]{4}:)/, "");
  return short(a) === short(b);
}

/** The meter of this machine's NVIDIA cards, or null where there is no nvidia-smi. */
export function openNvidia(env: Readonly<Record<string, string | undefined>>): NvidiaMeter | null {
  const program = Bun.which("nvidia-smi", { PATH: env.PATH ?? "" });
  return program === null
    ? null
    : new NvidiaMeter({ program, env: { PATH: env.PATH, HOME: env.HOME ?? "/", LC_ALL: "C" } });
}
