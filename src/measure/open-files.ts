/**
 * The regular files that processes have open to read, or mapped, at this moment: by the links of /proc/PID/fd and the names in
 * /proc/PID/maps. A file that was opened and closed between two looks is not seen. Needs no rights over one's own processes.
 */
import * as fs from "node:fs";

const mostProcesses = 200;
const mostDescriptors = 1024;
const mostMapsBytes = 1024 * 1024;

const isFile = (path: string) =>
  path.startsWith("/") && !/^\/(?:proc|sys|dev)\//.test(path) && !/^\/memfd:| \(deleted\)$/.test(path);

/** Octal flags of fdinfo, proc_pid_fdinfo(5); O_WRONLY is 1 of the last digit. */
function isWriteOnly(pid: number, descriptor: string): boolean {
  try {
    return /^flags:\s*[0-7]*([0-7])$/m.exec(fs.readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, "utf8"))?.[1] === "1";
  } catch {
    return false;
  }
}

function descriptorsOf(pid: number, found: Set<string>): void {
  for (const descriptor of fs.readdirSync(`/proc/${pid}/fd`).slice(0, mostDescriptors)) {
    try {
      const path = fs.readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      if (isFile(path) && !found.has(path) && !isWriteOnly(pid, descriptor)) found.add(path);
    } catch {
      // It was closed meanwhile.
    }
  }
}

function mapsOf(pid: number, found: Set<string>): void {
  const text = fs.readFileSync(`/proc/${pid}/maps`, "utf8").slice(0, mostMapsBytes);
  for (const [, path = ""] of text.matchAll(/^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s+(\/.*)$/gm))
    if (isFile(path)) found.add(path);
}

/** Throws nothing: what cannot be looked at is not seen. */
export function openFiles(pids: readonly number[]): Set<string> {
  const found = new Set<string>();
  for (const pid of pids.slice(0, mostProcesses)) {
    for (const look of [descriptorsOf, mapsOf]) {
      try {
        look(pid, found);
      } catch {
        // It is gone, or not ours.
      }
    }
  }
  return found;
}
