/**
 * Names of metrics, parameters and tags as names of files in MLflow's store: letters, digits, `_ - . : /` and spaces
 * (mlflow/utils/validation.py), where a slash makes a folder, and a name cannot be a file and a folder at once.
 */

const longest = 100;

function soundPart(part: string): string {
  const cut = [...part].slice(0, longest).join("");
  return cut === "" || cut === "." || cut === ".." ? "_".repeat(Math.max(1, cut.length)) : cut;
}

const soundName = (name: string) =>
  name
    .replaceAll(/[^\p{L}\p{N}_/.\- :]/gu, "_")
    .split("/")
    .map(soundPart)
    .join("/");

const foldersAbove = (path: string) => {
  const parts = path.split("/");
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("/"));
};

/** Gives each name a path of its own, the same for the same name. */
export class MlflowNames {
  readonly #paths = new Map<string, string>();
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  #isFree(path: string): boolean {
    return (
      !this.#files.has(path) && !this.#folders.has(path) && !foldersAbove(path).some((above) => this.#files.has(above))
    );
  }

  pathOf(name: string): string {
    const known = this.#paths.get(name);
    if (known !== undefined) return known;
    let path = soundName(name);
    if (!this.#isFree(path)) path = path.replaceAll("/", ".");
    while (!this.#isFree(path)) path += "_";
    this.#paths.set(name, path);
    this.#files.add(path);
    for (const above of foldersAbove(path)) this.#folders.add(above);
    return path;
  }
}
