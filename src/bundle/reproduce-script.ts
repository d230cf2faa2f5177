/**
 * reproduce.sh: lays out the code of a run in a fresh folder, makes a virtual environment where that is asked for, and runs
 * what ran. POSIX sh and coreutils; nothing of ours. What the environment held besides (data, a GPU, variables of the worker)
 * it cannot bring, and says so.
 */
import { quoteCommand, quoteWord } from "../core/shell-quote.ts";
import type { Manifest } from "../run/manifest.ts";

const isPython = (program: string) => /(^|\/)python[\d.]*$/.test(program);

/** What is run: an interpreter by its plain name, because its path was that of another machine. */
function runnable(argv: readonly string[]): string[] {
  const [program = "", ...rest] = argv;
  return [isPython(program) ? "$PYTHON" : program, ...rest];
}

function commandLine(argv: readonly string[]): string {
  const [program = "", ...rest] = runnable(argv);
  const first = program === "$PYTHON" ? '"$PYTHON"' : quoteWord(program);
  return rest.length === 0 ? first : `${first} ${quoteCommand(rest)}`;
}

/** Variables that somebody asked for with --env; those without a value were secrets. */
function exportsOf(manifest: Manifest): string[] {
  return Object.entries(manifest.launch.env).flatMap(([name, value]) =>
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? [`    export ${name}=${quoteWord(value)}`] : [],
  );
}

function caseOf(manifest: Manifest): string[] {
  const { snapshot } = manifest.environment;
  return [
    `  ${manifest.run_id})`,
    `    code=${snapshot === null ? "''" : `"$here"/code/${snapshot}`}`,
    `    inside=${quoteWord(manifest.cwd)}`,
    `    lock="$here"/runs/${manifest.run_id}/env/pip_freeze.txt`,
    `    version=${quoteWord(manifest.environment.python_version ?? "")}`,
    ...exportsOf(manifest),
    `    run() { ${commandLine(manifest.argv)}; }`,
    "    ;;",
  ];
}

/** `manifests` as the bundle has them: redacted ones give a redacted script. */
export function reproduceScript(manifests: readonly Manifest[]): string {
  const ids = manifests.map(({ run_id }) => run_id);
  return `#!/bin/sh
# Runs again what ran. Needs sh, cp, grep and the interpreter of the script.
#   sh reproduce.sh [--venv] [--into FOLDER] [RUN]
# --venv makes a virtual environment from the packages that were recorded (needs the network); without it, the
# interpreter that is on PATH is used. RUN is one of: ${ids.join(" ")}
set -u
PATH=\${PATH:-/usr/local/bin:/usr/bin:/bin}; export PATH
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
run=${ids[0] ?? ""} into= venv=no
while [ $# -gt 0 ]; do
  case $1 in
  --venv) venv=yes ;;
  --into) shift; into=\${1:?a folder} ;;
  -h|--help) sed -n '2,5s/^# *//p' "$0"; exit 0 ;;
  -*) echo "there is no option $1" >&2; exit 2 ;;
  *) run=$1 ;;
  esac
  shift
done
say() { echo "reproduce: $*" >&2; }
case $run in
${manifests.flatMap(caseOf).join("\n")}
  *) say "there is no run $run in this bundle"; exit 3 ;;
esac
if command -v sha256sum >/dev/null 2>&1; then
  (cd "$here" && sha256sum -c --quiet SHA256SUMS) || { say "the bundle is not as it was made"; exit 8; }
fi
[ -n "$into" ] || into=$(pwd)/again-$run
[ ! -e "$into" ] || { say "$into is there already: name another folder with --into"; exit 7; }
mkdir -p "$into/work" || exit 1
into=$(CDPATH= cd -- "$into" && pwd) || exit 1
if [ -n "$code" ] && [ -d "$code" ]; then cp -R "$code/." "$into/work/" || exit 1; fi
if [ -d "$here/runs/$run/staged" ]; then cp -R "$here/runs/$run/staged" "$into/staged" && chmod -R u+w "$into/staged"; fi
PYTHON=python3
command -v "$PYTHON" >/dev/null 2>&1 || PYTHON=python
if [ "$venv" = yes ]; then
  [ -s "$lock" ] || { say "no list of packages was recorded"; exit 1; }
  [ -z "$version" ] || ! command -v "python\${version%.*}" >/dev/null 2>&1 || PYTHON=python\${version%.*}
  "$PYTHON" -m venv "$into/venv" || { say "$PYTHON cannot make a virtual environment"; exit 1; }
  PYTHON=$into/venv/bin/python
  # The installer of the new environment is its own: which one it was then changes nothing that ran.
  grep -v '^pip==' "$lock" > "$into/packages.txt"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps -r "$into/packages.txt" || { say "the packages could not be installed"; exit 1; }
  PATH=$into/venv/bin:$PATH
fi
ML_WORK_DIR=$into/work; export ML_WORK_DIR
cd "$into/work/$inside" || exit 1
say "running $run in $(pwd)"
run
status=$?
say "ended with status $status; what it wrote is in $into/work"
exit $status
`;
}
