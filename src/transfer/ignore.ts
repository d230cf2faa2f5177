/**
 * What a snapshot leaves out by name: a built-in list of things that no run needs, and .mlignore files, which follow
 * the rules of gitignore(5) and may bring back what the list leaves out (`!venv/`). The matching is the `ignore`
 * package's; it is loaded only where there is a .mlignore.
 */
import type { Ignore } from "ignore";

/** Says what a folder was forked from; the folder that holds it is a tree of its own. */
export const forkFileName = ".mlfork";

/** Left out without git, and of what git does not track. gitignore syntax; names or `*.suffix` only. */
export const builtInIgnores: readonly string[] = [
  ".git",
  ".hg/",
  ".svn/",
  ".jj/",
  "__pycache__/",
  "*.pyc",
  "*.pyo",
  ".venv/",
  "venv/",
  ".tox/",
  ".nox/",
  ".direnv/",
  "node_modules/",
  ".mypy_cache/",
  ".pytest_cache/",
  ".ruff_cache/",
  ".ipynb_checkpoints/",
  "*.egg-info/",
  "*.swp",
  ".DS_Store",
  ".ml/",
  forkFileName,
];

const suffixes = new Set(builtInIgnores.filter((name) => name.startsWith("*.")).map((name) => name.slice(1)));
const names = new Set(builtInIgnores.filter((name) => !name.startsWith("*.")));

function isBuiltInName(name: string, isFolder: boolean): boolean {
  if (names.has(name) || (isFolder && names.has(`${name}/`))) return true;
  const dot = name.lastIndexOf(".");
  if (dot < 0) return false;
  const suffix = name.slice(dot);
  return suffixes.has(suffix) || (isFolder && suffixes.has(`${suffix}/`));
}

/** The first part of `path` (a file, or a folder with a slash at its end) that the built-in list names, or null. */
export function builtInPart(path: string): string | null {
  for (let start = 0; start < path.length; ) {
    const slash = path.indexOf("/", start);
    const end = slash < 0 ? path.length : slash;
    if (isBuiltInName(path.slice(start, end), slash >= 0)) return path.slice(0, end + 1);
    start = end + 1;
  }
  return null;
}

/**
 * True for the .gitignore of a folder that wants to be in nobody's tree, as tools leave it in folders of their own: it names
 * `*` and nothing else. Git sees to it itself; this is for trees without git.
 */
export function ignoresItself(text: string): boolean {
  const rules = text.split("\n").map((line) => line.trim());
  return rules.filter((line) => line !== "" && !line.startsWith("#")).join("\n") === "*";
}

/** Says which part of a path is ignored (folders end with a slash), or null where it is wanted. */
export type IgnoredPart = (path: string) => string | null;

/**
 * A matcher over .mlignore files. `texts`: content by the folder that holds it (`""` is the root, else `a/b/`); it may
 * grow while the matcher is in use, as long as a folder's text is there before anything beneath is asked for.
 */
export async function mlignoreMatcher(texts: ReadonlyMap<string, string>, builtIn: boolean): Promise<IgnoredPart> {
  const { default: ignore } = await import("ignore");
  const rules = new Map<string, Ignore>();
  const rulesOf = (folder: string): Ignore | undefined => {
    const known = rules.get(folder);
    if (known !== undefined) return known;
    const text = texts.get(folder);
    if (text === undefined && !(folder === "" && builtIn)) return undefined;
    const made = ignore({ ignorecase: false });
    if (folder === "" && builtIn) made.add([...builtInIgnores]);
    if (text !== undefined) made.add(text.replace(/^\ufeff/, ""));
    rules.set(folder, made);
    return made;
  };
  const decide = (path: string): boolean => {
    const parts = path.replace(/\/$/, "").split("/");
    for (let depth = parts.length - 1; depth >= 0; depth -= 1) {
      const folder = depth === 0 ? "" : `${parts.slice(0, depth).join("/")}/`;
      const said = rulesOf(folder)?.test(path.slice(folder.length));
      if (said?.ignored) return true;
      if (said?.unignored) return false;
    }
    return false;
  };
  const folders = new Map<string, boolean>();
  return (path) => {
    for (let slash = path.indexOf("/"); slash >= 0 && slash < path.length - 1; slash = path.indexOf("/", slash + 1)) {
      const folder = path.slice(0, slash + 1);
      let ignored = folders.get(folder);
      if (ignored === undefined) {
        ignored = decide(folder);
        folders.set(folder, ignored);
      }
      if (ignored) return folder;
    }
    return decide(path) ? path : null;
  };
}
