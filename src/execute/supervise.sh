#!/bin/sh
# The supervisor: the parent of one run. It outlives the worker that started it and needs nobody to do its work.
# To run the script by hand, use launch.sh beside this file; this one is started by the worker, once.
#
#   supervise.sh FOLDER RUN_ID TOKEN LIMIT GRACE SPLIT WALL UPTIME OOM BOOT WARN [ROLE …]
#     FOLDER  the run folder; ours is FOLDER/.run      TOKEN  the fencing token of the claim that started us
#     LIMIT   runtime limit in seconds, 0 for none      GRACE  seconds between SIGTERM and SIGKILL
#     SPLIT   1: stdout.log and stderr.log instead of output.log; tty: the script has a terminal of its own (see below)
#     WALL, UPTIME  the same moment as milliseconds since 1970 and as hundredths of a second since boot: from then on
#             time is read from the uptime, so a clock that jumps changes no duration, and no `date` has to be started
#     OOM     the kernel's count of out-of-memory kills before the start (oom_kill of /proc/vmstat), or -
#     BOOT    the kernel's id of this boot
#     WARN    SIGNAL@AFTER@LEAD: after so many seconds the script is sent SIGNAL, LEAD seconds before its limit; - for none
#
# What it leaves, in this order:
#   started       created exclusively, our first act: of two supervisors for one run the second ends here
#   process.json  who we are and who the script is: pid and start time, and the boot they belong to. Written by the
#                 process that becomes the script, before the script's first instruction
#   warned        the warning signal was sent; time-limit  the limit was reached
#   (read)        cgroup  the folder of a control group that the script enters, where the worker has made one
#   exit.json     the script's exit status as a shell says it (128 + N for signal N), its end, its CPU time. It is written
#                 over `reserve`, which was filled when the disk had room, and renamed: a full disk cannot keep it away
#   events.jsonl  one line for each thing that happened
# Only builtins and five programs: setsid, mv, sync, sleep, stat. Written for any POSIX sh, run under dash and bash.
#
# With a terminal, script(1) of util-linux stands between us and the script: it holds the terminal, hands on to it what is
# written to the named pipe terminal.in, and writes what the script prints to output.log, byte for byte. It ends with the
# script. terminal  says which terminal it is. Two more programs then: mkfifo, and stty for the first size; and rm.
f=$1 id=$2 token=$3 limit=$4 grace=$5 split=$6 wall=$7 up=$8 oom=$9 boot=${10-unknown} warn=${11--}
own=$f/.run
self=$0
sh=/bin/sh

# now: milliseconds since 1970
clock() {
  if IFS=' ' read -r now _ 2>/dev/null </proc/uptime; then
    now=${now%.*}${now#*.}
    while [ "${now#0}" != "$now" ]; do now=${now#0}; done
    now=$((wall + (${now:-0} - up) * 10))
  else
    now=$(date +%s)000
  fi
}

# start: when process $1 started, in ticks since boot (field 22 of /proc/PID/stat); empty where there is none
start_of() {
  start=
  IFS= read -r s 2>/dev/null <"/proc/$1/stat" || return 0
  s=${s##*) }
  set -f
  set -- $s
  set +f
  start=${20}
}

event() {
  clock
  printf '{"t":%s.%s,"by":"supervisor","event":%s}\n' "${now%???}" "${now#"${now%???}"}" "$1" 2>/dev/null >>"$own/events.jsonl"
}

# pid and script_start: who the script is, from process.json; pid is empty where there is no such record
script_of_record() {
  pid= script_start=
  IFS= read -r line 2>/dev/null <"$own/process.json" || return 0
  line=${line#*\"script\":\{\"pid\":}
  pid=${line%%,*}
  line=${line#*\"start\":\"}
  script_start=${line%%\"*}
}

# True while the script's process group has members and is not some stranger's that got the same number.
group_lives() {
  [ -n "$pid" ] || return 1
  start_of "$pid"
  [ -z "$start" ] || [ "$start" = "$script_start" ] || return 1
  kill -0 "-$pid" 2>/dev/null
}

# We are on the terminal: says which it is, gives it a size, and takes back what script(1) had to be told by variables.
own_terminal() {
  tty >"$own/terminal" 2>/dev/null
  stty sane rows 24 cols 80 2>/dev/null
  if [ -n "$ML_OWN_SHELL" ]; then SHELL=$ML_OWN_SHELL; else unset SHELL; fi
  unset ML_FOLDER ML_OWN_SHELL
}

# state and parent: of process $1, from /proc/PID/stat; empty where there is none
state_of() {
  state= parent=
  IFS= read -r s 2>/dev/null <"/proc/$1/stat" || return 0
  s=${s##*) }
  state=${s%% *} s=${s#* }
  parent=${s%% *}
}

case ${12-} in
script)
  # The process that becomes the script: session and group of its own, output and stdin in place already.
  if IFS= read -r group 2>/dev/null <"$own/cgroup"; then
    { echo $$ >"$group/cgroup.procs"; } 2>/dev/null
  fi
  start_of $$
  clock
  printf '{"version":1,"run_id":"%s","token":%s,"boot":"%s","at_ms":%s,"supervisor":{"pid":%s,"start":"%s"},"script":{"pid":%s,"start":"%s"}}\n' \
    "$id" "$token" "$boot" "$now" "${13}" "${14}" "$$" "$start" 2>/dev/null >"$own/process.json" || exit 125
  if [ "$split" = tty ]; then
    own_terminal
  fi
  unset ML_SUPERVISES
  . "$own/launch.sh"
  exit 126
  ;;
keeper)
  # script(1) stops when its script is stopped, and nobody else would make it go on. The kernel may then have told it of
  # two things by one signal, and it misses the end of the script: its status is read here (field 52 of proc(5)'s stat).
  before=
  while sleep 5; do
    script_of_record
    [ -n "$pid" ] || continue
    state_of "$pid"
    [ -n "$state" ] || exit 0
    holder=$parent
    if [ "$state" = Z ] && [ "$before" = Z ]; then
      status=${s##* }
      if [ "$((status & 127))" = 0 ]; then status=$((status >> 8)); else status=$((128 + (status & 127))); fi
      echo "$status" 2>/dev/null >"$own/terminal.status"
      kill -TERM "$holder" 2>/dev/null
      exit 0
    fi
    before=$state
    [ "$before" = T ] && continue
    state_of "$holder"
    [ "$state" = T ] && kill -CONT "$holder" 2>/dev/null
  done
  exit 0
  ;;
timer)
  case $warn in
  *@*@*)
    signal=${warn%%@*} lead=${warn##*@} after=${warn#*@}
    sleep "${after%@*}"
    script_of_record
    group_lives || exit 0
    : 2>/dev/null >"$own/warned"
    event "\"time limit in $lead s: SIG$signal to the script\""
    # To the script alone: loader processes and the like that know nothing of it would be ended by it.
    kill -s "$signal" "$pid" 2>/dev/null
    sleep "$lead"
    ;;
  *) sleep "$limit" ;;
  esac
  script_of_record
  group_lives || exit 0
  : 2>/dev/null >"$own/time-limit"
  event "\"time limit of $limit s reached: SIGTERM\""
  kill -TERM "-$pid" 2>/dev/null
  sleep "$grace"
  if group_lives; then
    event "\"still running $grace s later: SIGKILL\""
    kill -KILL "-$pid" 2>/dev/null
  fi
  exit 0
  ;;
esac

# Handlers, not '': what is ignored here would stay ignored in the script.
trap : TERM INT HUP
start_of $$
our_start=$start
clock
set -C
printf '{"version":1,"token":%s,"pid":%s,"start":"%s","boot":"%s","at_ms":%s}\n' \
  "$token" "$$" "$our_start" "$boot" "$now" 2>/dev/null >"$own/started" || exit 0
set +C

timer=
if [ "$limit" != 0 ]; then
  setsid "$sh" "$self" "$@" timer </dev/null >/dev/null 2>&1 &
  timer=$!
fi

# In the foreground: a background process of a shell without job control would start with SIGINT and SIGQUIT ignored.
# In a subshell: dash would redirect itself meanwhile, and its own word about a signal ("Killed") would end in the log.
keeper=
if [ "$split" = tty ]; then
  setsid "$sh" "$self" "$@" keeper </dev/null >/dev/null 2>&1 &
  keeper=$!
  mkfifo -m 600 "$own/terminal.in"
  # Its shell is not the user's, which may be none (nologin). Open for reading and writing: it never sees an end.
  (
    ML_FOLDER=$f ML_OWN_SHELL=${SHELL-} SHELL=$sh
    export ML_FOLDER ML_OWN_SHELL SHELL
    # The words but the folder are numbers and names, and need no quotes.
    exec setsid script -q -e -c "exec $sh \"\$ML_FOLDER/.run/supervise.sh\" \"\$ML_FOLDER\" $id $token $limit $grace tty $wall $up $oom $boot $warn script $$ $our_start" \
      /dev/null <>"$own/terminal.in" >>"$f/output.log" 2>&1
  )
elif [ "$split" = 1 ]; then
  (exec setsid "$sh" "$self" "$@" script "$$" "$our_start" </dev/null >>"$f/stdout.log" 2>>"$f/stderr.log")
else
  (exec setsid "$sh" "$self" "$@" script "$$" "$our_start" </dev/null >>"$f/output.log" 2>&1)
fi
rc=$?
if [ -n "$keeper" ]; then
  kill -TERM "-$keeper" 2>/dev/null
  rm -f "$own/terminal.in"
  IFS= read -r rc 2>/dev/null <"$own/terminal.status" || :
fi

script_of_record
stragglers=false
if group_lives; then stragglers=true; fi
limited=false
if [ -e "$own/time-limit" ]; then limited=true; fi
oom_now=-
if [ "$rc" = 137 ]; then
  while IFS=' ' read -r key value; do
    if [ "$key" = oom_kill ]; then oom_now=$value; fi
  done 2>/dev/null </proc/vmstat
fi
# What the script and all that it waited for read from and wrote to disks: ours now, since we have waited for it.
read_bytes=null write_bytes=null
while IFS=' ' read -r key value; do
  case $key in
  read_bytes:) read_bytes=$value ;;
  write_bytes:) write_bytes=$value ;;
  esac
done 2>/dev/null <"/proc/$$/io"
cpu=
{ times 1<>"$own/reserve"; } 2>/dev/null && { IFS= read -r _; IFS= read -r cpu; } <"$own/reserve"
clock
# What the disk has left where the script failed: asked now, since a moment later somebody may have made space.
disk_free=null
if [ "$rc" != 0 ]; then
  room=$(LC_ALL=C stat -f -c %a:%S "$f" 2>/dev/null)
  case $room in
  *[!0-9:]* | :* | *: | *:*:*) ;;
  *:*) disk_free=$((${room%:*} * ${room#*:})) ;;
  esac
fi

# Overwrites in place (1<>, no truncation): needs no free block.
leave_record() {
  printf '{"version":1,"run_id":"%s","token":%s,"rc":%s,"at_ms":%s,"boot":"%s","cpu":"%s","stragglers":%s,"time_limit":%s,"oom_before":"%s","oom_after":"%s","read_bytes":%s,"write_bytes":%s,"disk_free":%s}\n' \
    "$id" "$token" "$rc" "$now" "$boot" "$cpu" "$stragglers" "$limited" "$oom" "$oom_now" "$read_bytes" "$write_bytes" "$disk_free" 2>/dev/null 1<>"$own/reserve" &&
    LC_ALL=C mv -f "$own/reserve" "$own/exit.json" 2>/dev/null
}
tries=0
until leave_record; do
  tries=$((tries + 1))
  [ "$tries" -gt 2000 ] && break
  sleep 5
done
event "\"exit status $rc\""
# After the rename: who waits for the record has it at once. A power cut before this line is a reboot, and the run counts
# as lost with or without the record.
LC_ALL=C sync "$own/exit.json" "$own" 2>/dev/null

# The time limit holds for what the script left behind, too.
if [ -n "$timer" ]; then
  while group_lives && kill -0 "$timer" 2>/dev/null; do sleep 1; done
  kill -TERM "-$timer" 2>/dev/null
fi
exit 0
