/**
 * Which files a script opens, by strace where that can be had: lines of launch.sh that start the script under it. Only opens are
 * stopped at (a seccomp filter, strace 5.3), so that what computes is not slowed; what strace prints is cut down to each
 * path once by awk as it comes. Without strace the script starts as it always does, and worker/reads.ts looks at it from outside.
 */
import { join } from "node:path";
import { quoteCommand, quoteWord } from "../core/shell-quote.ts";
import type { RunPaths } from "../run/paths.ts";

/** The paths that were opened, one a line; it is there where strace is used. */
export const openedFile = (paths: RunPaths) => join(paths.private, "opened.txt");
export const mostOpened = 50_000;

/** All threads and children, successful opens alone, descriptors with their paths (strace(1)). */
const straceFlags = "-f -qq -y -z --seccomp-bpf -e trace=?open,openat,?openat2 -e signal=none";

const awkProgram = `{
  if (!match($0, /= [0-9]+<\\/.*>$/) || /O_WRONLY|O_DIRECTORY|O_PATH/) next
  path = substr($0, RSTART)
  sub(/^= [0-9]+</, "", path)
  sub(/>$/, "", path)
  if (path ~ /^\\/(proc|sys|dev)\\// || path in seen || count >= ${mostOpened}) next
  seen[path] = 1
  count++
  print path
  fflush()
}`;

/** Starts the command under strace where strace, tried on `true`, works and the command is there; else goes on below. */
export function traceLines(paths: RunPaths, argv: readonly string[]): string[] {
  const opened = openedFile(paths);
  // It outlives the signals that end the script, since strace would die of a pipe that nobody reads.
  const reader = `|trap '' TERM INT HUP QUIT USR1 USR2; exec awk ${quoteWord(awkProgram)} >${quoteWord(opened)}`;
  return [
    `rm -f ${quoteWord(opened)}`,
    `if command -v ${quoteWord(argv[0] ?? "")} >/dev/null 2>&1 && strace ${straceFlags} -o /dev/null true >/dev/null 2>&1; then`,
    `  exec strace ${straceFlags} -o ${quoteWord(reader)} ${quoteCommand(argv)}`,
    "fi",
  ];
}
