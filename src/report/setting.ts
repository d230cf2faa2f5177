/** What the runs ran on and with, and what they cost: each different value once, with how many runs had it. */
import { formatDuration } from "../core/duration.ts";
import { isForeign } from "../core/foreign-origin.ts";
import type { Reply } from "../protocol/requests.ts";
import { timeMs } from "../view/time.ts";
import { type ReportBlock, unknownText } from "./document.ts";

type Manifest = Reply<"run.get">["manifest"];

const mostValues = 6;

/** `3.11.2`, or `3.11.2 (4 runs), 3.12.1 (1 run), unknown (1 run)`; null where no run says. */
function valuesOf(
  manifests: readonly Manifest[],
  read: (manifest: Manifest) => string | null | undefined,
): string | null {
  const groups = [...Map.groupBy(manifests, (manifest) => read(manifest) ?? unknownText)].toSorted(
    (a, b) => b[1].length - a[1].length,
  );
  const [only] = groups;
  if (only === undefined || (groups.length === 1 && only[0] === unknownText)) return null;
  if (groups.length === 1) return only[0];
  const shown = groups
    .slice(0, mostValues)
    .map(([value, runs]) => `${value} (${runs.length} ${runs.length === 1 ? "run" : "runs"})`);
  return [...shown, ...(groups.length > mostValues ? [`${groups.length - mostValues} more`] : [])].join("; ");
}

const secondsOf = ({ started_at, ended_at }: Manifest): number | null => {
  const [from, to] = [timeMs(started_at), timeMs(ended_at)];
  return from === null || to === null ? null : Math.max(0, to - from) / 1000;
};

/** A sum over the runs that say, and how many do not; null where none does. */
function total(
  manifests: readonly Manifest[],
  read: (manifest: Manifest) => number | null | undefined,
  text: (sum: number) => string,
): string | null {
  const known = manifests.flatMap((manifest) => read(manifest) ?? []);
  if (known.length === 0) return null;
  const lacking = manifests.length - known.length;
  const sum = text(known.reduce((all, one) => all + one, 0));
  return lacking === 0 ? sum : `${sum}, without ${lacking} ${lacking === 1 ? "run" : "runs"} of which it is unknown`;
}

const commitOf = ({ environment }: Manifest): string | null =>
  environment.git_commit === null
    ? null
    : `${environment.git_commit.slice(0, 12)}${environment.git_dirty === true ? " with changes (kept with the run)" : ""}`;

const dataOf = (manifest: Manifest): string | null => {
  const texts = manifest.datasets.map(({ name, version, checksum }) => {
    const marks = [version, checksum?.slice(0, 19)].filter((mark) => mark != null);
    return marks.length === 0 ? name : `${name} (${marks.join(", ")})`;
  });
  if (texts.length > 0) return texts.join(", ");
  return isForeign(manifest) ? null : "no registered dataset";
};

function containerOf(manifest: Manifest): string | null {
  const { container_digest: digest, container_image: image } = manifest.environment;
  return digest ?? image ?? (isForeign(manifest) ? null : "none");
}

function packagesOf(manifest: Manifest): string | null {
  const lines = (manifest.environment.pip_freeze ?? "").split("\n").filter((line) => /==/.test(line));
  return lines.length === 0 ? null : `${lines.length}, listed in env/pip_freeze.txt of the run`;
}

function energy(manifests: readonly Manifest[]): string | null {
  const text = total(
    manifests,
    (manifest) => manifest.resources.actual?.energy_kwh,
    (sum) => `${Number(sum.toPrecision(3))} kWh`,
  );
  const partial = manifests.filter((manifest) => manifest.resources.actual?.energy_partial === true).length;
  if (text === null || partial === 0) return text;
  return `${text}; at least, since ${partial} ${partial === 1 ? "run was" : "runs were"} metered in part`;
}

const hours = (sum: number) => (sum >= 3600 ? `${Number((sum / 3600).toPrecision(3))} h` : formatDuration(sum * 1000));

function gpuSeconds(manifest: Manifest): number | null {
  const seconds = secondsOf(manifest);
  const count = manifest.resources.assigned?.gpu_ids.length ?? null;
  return seconds === null || count === null ? null : seconds * count;
}

/** Rows about GPUs: none where no run asked for one or was seen to have one. */
const usesGpus = (manifest: Manifest) =>
  manifest.resources.requested.gpus > 0 || manifest.resources.gpu_model !== null || isForeign(manifest);

export function settingFacts(manifests: readonly Manifest[]): ReportBlock[] {
  const item = (label: string, read: (manifest: Manifest) => string | null | undefined) => ({
    label,
    text: valuesOf(manifests, read),
  });
  const gpus = manifests.some(usesGpus);
  const git = manifests.some(({ environment }) => environment.git_commit !== null);
  return [
    { kind: "heading", level: 2, text: "Environment and hardware" },
    {
      kind: "facts",
      items: [
        item("Machine", ({ resources }) => resources.host),
        item("Processor", ({ resources }) => resources.cpu_model),
        ...(gpus
          ? [
              item("GPU", ({ resources }) => resources.gpu_model),
              item("GPU driver", ({ environment }) => environment.gpu_driver),
              item("CUDA", ({ environment }) => environment.cuda_version),
            ]
          : [{ label: "GPU", text: "none was asked for" }]),
        item("System", ({ environment }) => environment.os),
        item("Kernel", ({ environment }) => environment.kernel),
        item("Python", ({ environment }) => environment.python_version),
        item("Packages", packagesOf),
        item("Container", containerOf),
      ],
    },
    { kind: "heading", level: 2, text: "Code and data" },
    {
      kind: "facts",
      items: [
        item("Commit", commitOf),
        ...(git
          ? [
              item("Branch", ({ environment }) => environment.git_branch),
              item("Remote", ({ environment }) => environment.git_remote),
            ]
          : []),
        item("Snapshot", ({ environment }) => environment.snapshot?.slice(0, 16)),
        item("Data", dataOf),
      ],
    },
    { kind: "heading", level: 2, text: "What it took" },
    {
      kind: "facts",
      items: [
        { label: "Time on the machine", text: total(manifests, secondsOf, hours) },
        ...(gpus ? [{ label: "GPU time", text: total(manifests, gpuSeconds, hours) }] : []),
        { label: "Energy", text: energy(manifests) },
      ],
    },
  ];
}
