#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The demo: starts the service and its load, watches it with loopstall, and cleans up however it
# ends. On a terminal that is the dashboard, for as long as the user wants; else, with CI set or
# with DEMO=trace, the stalls of ten seconds. Takes BUILD, PYTHON, DEMO and SECONDS_WATCHED from
# the environment. Exits with the exit code of loopstall, or 1 if the service did not survive.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
program=${BUILD:-build}/loopstall
python=${PYTHON:-/usr/bin/python3}
seconds=${SECONDS_WATCHED:-10}
demo=${DEMO:-}
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
if [ -z "$demo" ]; then
    demo=trace
    if [ -t 0 ] && [ -t 1 ] && [ -z "${CI:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
        demo=top
    fi
fi

export PYTHONDONTWRITEBYTECODE=1
scratch=$(mktemp -d)
service_pid=
load_pid=
tool_pid=

cleanup() {
    local pid
    # Both end when their stdin closes; the signal is for one that is stuck.
    exec 8>&- 9>&-
    [ -z "$tool_pid" ] || $as_root kill "$tool_pid" 2>/dev/null || true
    for pid in $load_pid $service_pid; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in $tool_pid $load_pid $service_pid; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}

# Ends the watching early; its last words and the clean-up follow.
stop() {
    [ -n "$tool_pid" ] || exit 130
    $as_root kill -INT "$tool_pid" 2>/dev/null || true
}
trap cleanup EXIT
trap stop INT TERM HUP

mkfifo "$scratch/service" "$scratch/load"
# Opened for both ways, so that opening does not wait for the other side.
exec 7<&0 8<>"$scratch/service" 9<>"$scratch/load"

"$python" "$here/service.py" <"$scratch/service" >"$scratch/where" 7<&- 8>&- 9>&- &
service_pid=$!
for _ in $(seq 100); do
    [ ! -s "$scratch/where" ] || break
    kill -0 "$service_pid" 2>/dev/null || { echo "the demo service did not start" >&2; exit 1; }
    sleep 0.1
done
read -r port pid <"$scratch/where" || { echo "the demo service does not answer" >&2; exit 1; }

# It outlives the service by a moment at the end, which is not worth a word.
"$python" "$here/load.py" "$port" <"$scratch/load" 2>"$scratch/load.log" 7<&- 8>&- 9>&- &
load_pid=$!

echo "A service with honest mistakes runs as process $pid: $here/service.py"
if [ "$demo" = top ]; then
    words=(top -p "$pid")
    echo "\$ loopstall ${words[*]}    " \
        "q ends it, ? explains what is on the screen, Enter tells more about a row"
    sleep 1.5
else
    words=(trace -p "$pid" -d "${seconds}s" --threshold 10ms)
    echo "\$ loopstall ${words[*]}"
    echo
fi
# The terminal stays its stdin: what the shell starts in the background gets none unless told.
$as_root "$program" "${words[@]}" <&7 7<&- 8>&- 9>&- &
tool_pid=$!
# A signal interrupts `wait`, not loopstall: wait again until it has ended.
while :; do
    code=0
    wait "$tool_pid" || code=$?
    kill -0 "$tool_pid" 2>/dev/null || break
done
tool_pid=

for pid in $service_pid $load_pid; do
    if ! kill -0 "$pid" 2>/dev/null; then
        echo "process $pid of the demo did not survive" >&2
        cat "$scratch/load.log" >&2
        code=1
    fi
done
exit "$code"
