/** How large a snapshot may be, and the sentence for one that is larger: the worst offenders by name, and what to type. */
import { MlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { shownPath } from "../run/snapshot.ts";

export interface TreeLimits {
  totalBytes: number;
  fileBytes: number;
  files: number;
}

export const defaultLimits: TreeLimits = { totalBytes: 500e6, fileBytes: 100e6, files: 100_000 };

const shownOffenders = 5;

interface Sized {
  path: string;
  size: number;
}

/** Throws MlError `too_large` where the tree is over a limit; data {largest: [{path, size_bytes}], total_size_bytes}. */
export function checkLimits(files: readonly Sized[], limits: TreeLimits): void {
  if (files.length > limits.files) throw tooMany(files, limits.files);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const tooLong = files.filter((file) => file.size > limits.fileBytes);
  if (total <= limits.totalBytes && tooLong.length === 0) return;
  const offenders = total > limits.totalBytes ? files : tooLong;
  const largest = [...offenders].sort((a, b) => b.size - a.size).slice(0, shownOffenders);
  const names = largest.map((file) => `\`${shownPath(file.path)}\` (${formatSize(file.size)})`).join(", ");
  const over =
    total > limits.totalBytes
      ? `the code snapshot would have ${formatSize(total)}, more than the ${formatSize(limits.totalBytes)} allowed`
      : `the code snapshot has ${tooLong.length === 1 ? "a file" : `${tooLong.length} files`} of more than ${formatSize(limits.fileBytes)}`;
  const setting = total > limits.totalBytes ? "snapshot_max_mb" : "snapshot_file_max_mb";
  const needed = Math.ceil((total > limits.totalBytes ? total : (largest[0]?.size ?? 0)) / 1e6);
  throw new MlError("too_large", `${over}; the largest: ${names}`, {
    hint: `name what the run does not need in a .mlignore file (gitignore syntax: \`echo '/${shownPath(largest[0]?.path ?? "")}' >> .mlignore\`), or \`ml config set ${setting} ${needed}\``,
    data: {
      total_size_bytes: total,
      largest: largest.map((file) => ({ path: shownPath(file.path), size_bytes: file.size })),
    },
  });
}

/** The error for a tree of too many files, naming the folders that hold most of them. */
export function tooMany(files: readonly { path: string }[], limit: number): MlError {
  const counts = new Map<string, number>();
  for (const { path } of files) {
    const top = path.includes("/") ? `${path.slice(0, path.indexOf("/"))}/` : path;
    counts.set(top, (counts.get(top) ?? 0) + 1);
  }
  const fullest = [...counts].sort((a, b) => b[1] - a[1]).slice(0, shownOffenders);
  const names = fullest.map(([path, count]) => `\`${shownPath(path)}\` (${count} files)`).join(", ");
  return new MlError("too_large", `the code snapshot would have more than ${limit} files; the fullest: ${names}`, {
    hint: "name what the run does not need in a .mlignore file (gitignore syntax), or queue from a smaller folder",
    data: { fullest: fullest.map(([path, count]) => ({ path: shownPath(path), files: count })) },
  });
}
