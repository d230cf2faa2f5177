#!/bin/sh
# Plays nvidia-smi from a scenario, a folder of files that may change while it plays:
#   play.sh SCENARIO [arguments of nvidia-smi]
#     gpus.csv      a table with a header of field names; --query-gpu picks columns from it
#     apps.csv      pid, gpu_uuid, used_memory, a process a line; none where the file is missing
#     list.txt      what -L prints
#     unknown       field names that this driver does not know, one a line
#     fail          first line: the exit code, the rest: what is printed; then nothing else counts
#     hang          exists: it prints nothing and does not end
# --id=INDEXES leaves other cards out, and with them a `fail` that names them: a driver that lost one card tells the rest.
here=$1
shift
query= apps= every= only= list=
while [ $# -gt 0 ]; do
  case $1 in
  --query-gpu=*) query=${1#*=} ;;
  --query-compute-apps=*) apps=${1#*=} ;;
  --id=*) only=${1#*=} ;;
  -lms) every=$2; shift ;;
  -L) list=1 ;;
  esac
  shift
done

once() {
  while [ -e "$here/hang" ]; do sleep 0.1; done
  if [ -e "$here/fail" ] && [ -z "$only" ]; then
    tail -n +2 "$here/fail"
    exit "$(head -n 1 "$here/fail")"
  fi
  if [ -n "$list" ]; then
    cat "$here/list.txt"
  elif [ -n "$query" ]; then
    if [ -e "$here/unknown" ]; then
      while read -r name; do
        case ",$query," in *",$name,"*)
          echo "Field \"$name\" is not a valid field to query."
          exit 2
          ;;
        esac
      done <"$here/unknown"
    fi
    awk -F', *' -v query="$query" -v only="$only" '
      NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(query, want, ","); next }
      only != "" && index("," only ",", "," $at["index"] ",") == 0 { next }
      { line = ""; for (i = 1; i <= n; i++) line = line (i > 1 ? ", " : "") (want[i] in at ? $at[want[i]] : "[N/A]"); print line }
    ' "$here/gpus.csv"
  elif [ -n "$apps" ]; then
    if [ -e "$here/apps.csv" ]; then cat "$here/apps.csv"; fi
  else
    echo "| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |"
  fi
}

if [ -z "$every" ]; then
  once
  exit
fi
pause=$(awk -v ms="$every" 'BEGIN { print ms / 1000 }')
while :; do
  once || exit
  sleep "$pause"
done
