/**
 * Which project a run belongs to, by what stays when people move things: the name that they gave it, the git remote (its
 * host and path, however it is spelled), the root commit of its history. Runs that share any of these are of one project;
 * who joins them is the catalog's business.
 */
import type { Manifest } from "./manifest.ts";

/** `git@github.com:lab/vision.git`, `https://me@github.com/lab/vision/` → `github.com/lab/vision`; null where it is no address. */
export function remoteKey(remote: string): string | null {
  const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/)(.+)$/.exec(remote);
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/\s]*@)?([^/\s:]*)(?::\d+)?\/(.+)$/i.exec(remote);
  const [, host = "", path = ""] = url ?? scp ?? [];
  const trimmed = path
    .replace(/\/+$/, "")
    .replace(/\.git$/, "")
    .replace(/^\/+/, "");
  if (trimmed === "") return remote.startsWith("/") ? remote.replace(/\/+$/, "").replace(/\.git$/, "") : null;
  return `${host.toLowerCase()}/${trimmed}`.replace(/^\//, "");
}

/** Runs of one project come in a row. */
let lastRemote: { remote: string; key: string | null } = { remote: "", key: null };

function keptRemoteKey(remote: string): string | null {
  if (lastRemote.remote !== remote) lastRemote = { remote, key: remoteKey(remote) };
  return lastRemote.key;
}

/** The keys of a run's project, the most telling first: the given name, the remote, the root commit. */
export function projectKeys({ environment }: Pick<Manifest, "environment">): string[] {
  const keys: string[] = [];
  if (environment.project !== null) keys.push(environment.project);
  const remote = environment.git_remote === null ? null : keptRemoteKey(environment.git_remote);
  if (remote !== null) keys.push(remote);
  if (environment.git_root !== null) keys.push(`root:${environment.git_root}`);
  return keys;
}
