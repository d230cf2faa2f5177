#!/bin/sh
# Checks on a machine with a real NVIDIA card, through the compiled executable: see docs/hardware.md. Each check prints one
# line: ok, FAILED or skipped, with what was seen. Exits 1 where one failed; without a card it says so and exits 0.
#   sh test/gpu/check.sh          PYTHON names an interpreter (with PyTorch for most checks), ML the executable
here=$(cd "$(dirname "$0")" && pwd)
ML=${ML:-$here/../../dist/ml}
PYTHON=${PYTHON:-python3}
if ! command -v nvidia-smi >/dev/null 2>&1 || ! nvidia-smi -L >/dev/null 2>&1; then
  echo "SKIPPED, NOTHING WAS CHECKED: there is no nvidia-smi that lists a card on this machine"
  exit 0
fi
[ -x "$ML" ] || { echo "build dist/ml first: node_modules/.bin/bun scripts/build.ts"; exit 2; }

lab=$(mktemp -d)
export HOME="$lab/home" ML_HOME="$lab/home/.ml"
mkdir -p "$HOME" "$lab/project"
cp "$here"/*.py "$lab/project/"
cd "$lab/project" || exit 2
stranger=
finish() {
  [ -n "$stranger" ] && kill "$stranger" 2>/dev/null
  "$ML" server stop >/dev/null 2>&1
  rm -rf "$lab"
}
trap finish EXIT INT TERM
failed=0
check() { # NAME CONDITION-STATUS SEEN
  if [ "$2" = 0 ]; then echo "ok       $1: $3"; else echo "FAILED   $1: $3"; failed=1; fi
}
field() { "$ML" info "$1" --json | "$PYTHON" -c "import json,sys; m=json.load(sys.stdin)['manifest']; print(eval(sys.argv[1], {'m': m}))" "$2"; }
has() { case "$2" in *"$1"*) return 0 ;; *) return 1 ;; esac }

nvidia-smi -L
nvidia-smi --query-gpu=driver_version,memory.total,power.draw,enforced.power.limit --format=csv
echo "---"

real=$(nvidia-smi -L | grep -c '^GPU')
seen=$("$ML" queue -q --no-code true >/dev/null; "$ML" gpus -q | grep -c .)
[ "$seen" -ge "$real" ]; check "every card is found" $? "$seen of $real"
"$ML" gpus

hidden=$("$ML" queue -q --no-code -- sh -c 'printf "[%s]" "$CUDA_VISIBLE_DEVICES"'); "$ML" wait "$hidden" >/dev/null
out=$("$ML" logs "$hidden"); [ "$out" = "[]" ]; check "without --gpus every card is hidden" $? "CUDA_VISIBLE_DEVICES=$out"

if ! "$PYTHON" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  echo "skipped  PyTorch checks: $PYTHON has no torch that sees a card (PYTHON=… names another)"
else
  whole=$("$ML" queue -q --python "$PYTHON" --gpus 1 busy.py 12); "$ML" wait "$whole" >/dev/null
  uuid=$("$ML" logs "$whole" | sed -n 's/^uuid //p')
  assigned=$(field "$whole" "m['resources']['assigned']['gpu_ids'][0]")
  has "${uuid:-none}" "$assigned"; check "the record names the card that the run saw" $? "$assigned, torch: $uuid"
  used=$(field "$whole" "m['resources']['actual']['gpu_utilization_avg']")
  "$PYTHON" -c "import sys; sys.exit(not float(sys.argv[1]) > 10)" "$used"; check "utilisation" $? "$used % on average"
  peak=$(field "$whole" "m['resources']['actual']['gpu_memory_peak_gb']")
  "$PYTHON" -c "import sys; sys.exit(not float(sys.argv[1]) > 0.5)" "$peak"; check "memory" $? "$peak GB at most"
  energy=$(field "$whole" "m['resources']['actual']['energy_kwh']")
  "$PYTHON" -c "import sys; sys.exit(not float(sys.argv[1]) > 0)" "$energy"; check "energy" $? "$energy kWh"

  a=$("$ML" queue -q --python "$PYTHON" --gpus 1 --gpu-memory 2G busy.py 10)
  b=$("$ML" queue -q --python "$PYTHON" --gpus 1 --gpu-memory 2G busy.py 10)
  "$ML" wait "$a" "$b" >/dev/null
  ga=$(field "$a" "m['resources']['assigned']['gpu_ids']"); gb=$(field "$b" "m['resources']['assigned']['gpu_ids']")
  [ "$ga" = "$gb" ]; check "two runs with a part each share one card" $? "$ga $gb"

  oom=$("$ML" queue -q --python "$PYTHON" --gpus 1 greedy.py); "$ML" wait "$oom" >/dev/null
  kind=$(field "$oom" "m['failure']['kind']"); [ "$kind" = gpu_oom ]; check "CUDA out of memory is called that" $? "$kind"

  "$PYTHON" hold.py & stranger=$!
  sleep 8
  shown=$("$ML" gpus); sleep 1; shown=$("$ML" gpus)
  has "process $stranger" "$shown" || has "in use by no process" "$shown"; check "a card in somebody's use is not free, and says whose" $? "$(echo "$shown" | grep -E 'process|in use' | head -1)"
  kill "$stranger"; stranger=
fi
[ "$failed" = 0 ] && echo "all that was checked is as it should be"
exit "$failed"
