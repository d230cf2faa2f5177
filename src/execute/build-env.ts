/**
 * The text of a script that builds a Python environment: the one builder of `ml`, whether ahead of a run (worker/venvs.ts) or as the
 * first act of a reproduction (rebuild-env.ts). With uv where that is there, else with venv and pip. It prints what it
 * does, says why it failed on a line that begins with `buildFailed`, and makes its mark last: without the mark there is no environment.
 */
import { quoteWord } from "../core/shell-quote.ts";

/** Begins the line with which a build says that it failed; verdict.ts reads it. */
export const buildFailed = "ml: the environment could not be built:";

export interface Building {
  /** What is built for whom; one line of comment. */
  title: string;
  venv: string;
  mark: string;
  /** `3.11.7`, or the path of an interpreter; empty: whichever there is. */
  python: string;
}

/** From a list of packages: `$list`, by the interpreter that `$python` names. */
export const installLines = (flags: string) => `\
  interpreter=python3
  case "$python" in
    */*) interpreter=$python ;;
    ?*) has "python\${python%.*}" && interpreter="python\${python%.*}" ;;
  esac
  if has uv; then
    uv venv --quiet --python "\${python:-3}" "$venv" && uv pip install --python "$venv/bin/python" ${flags}-r "$list" ||
      fail "uv could not install the packages"
  else
    "$interpreter" -m venv "$venv" || fail "$interpreter cannot make a virtual environment"
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet ${flags}-r "$list" ||
      fail "pip could not install the packages (is the network there? are they all published?)"
  fi`;

/** From the uv.lock of the folder it runs in. */
export const syncLines = (flags: string) => `\
  echo "ml: building the environment from uv.lock"
  UV_PROJECT_ENVIRONMENT="$venv" uv sync --frozen ${flags}|| fail "uv could not install what uv.lock names"`;

/**
 * What an environment that many runs share needs besides: nobody changes it, and its mark says how large it is (KiB) and by
 * which tool it was made. Without bytecode of its own every run would compile it anew.
 */
export const sharedLines = `\
chmod -R a-w "$venv" || fail "it cannot be made read-only"
if has uv; then tool=$(uv --version); else tool="pip $("$venv/bin/python" -m pip --version | cut -d' ' -f2)"; fi
facts="$(du -sk "$venv" | cut -f1) $tool"`;

/** The whole script around the lines that do it. */
export function buildScriptText({ title, venv, mark, python }: Building, lines: string): string {
  return `#!/bin/sh
# ${title}
venv=${quoteWord(venv)}
mark=${quoteWord(mark)}
python=${quoteWord(python)}
fail() { echo "${buildFailed} $1" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
facts=
[ ! -e "$venv" ] || chmod -R u+w "$venv"
rm -rf "$venv" "$mark"
${lines}
printf '%s\n' "$facts" > "$mark"
`;
}
