/** Which files say exactly what an environment is made of. By name; of a list of requirements also by what stands in it. Pure. */

/** Files that a solver wrote: each names every version. */
const locks =
  /^(?:uv\.lock|poetry\.lock|pdm\.lock|Pipfile\.lock|pixi\.lock|pylock(?:\.[\w-]+)?\.toml|conda-lock\.ya?ml|conda-explicit\.txt|flake\.lock|renv\.lock|Manifest(?:-v[\d.]+)?\.toml)$/;
/** Files that people write: they may leave versions open. */
const wishes = /^(?:environment\.ya?ml|requirements[\w.-]*\.txt|Project\.toml|flake\.nix|DESCRIPTION)$/;
const requirements = /^requirements[\w.-]*\.txt$/;

/** True for everything that is worth a copy next to the run. */
export function describesEnvironment(name: string): boolean {
  return locks.test(name) || wishes.test(name);
}

/** True where every requirement names one version, or what it is installed from (PEP 440, PEP 508). */
export function allPinned(text: string): boolean {
  const lines = text
    .replaceAll(/\\\r?\n/g, " ")
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "" && !/^--?(?!r\b|requirement\b|e\b|editable\b)/.test(line));
  return lines.length > 0 && lines.every((line) => /===?\s*[^\s*]+(\s|;|$)|\s@\s*\S+/.test(line));
}

/** Those of `paths` that pin an environment. `read` gives the text of one of them, or null. */
export function pinningFiles(paths: readonly string[], read: (path: string) => string | null): string[] {
  return paths.filter((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return locks.test(name) || (requirements.test(name) && allPinned(read(path) ?? ""));
  });
}
