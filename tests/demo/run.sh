#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The demo: starts the service and its load, watches it with loopstall for ten seconds, and cleans up however it
# ends. Takes BUILD, PYTHON and SECONDS_WATCHED from the environment. Exits with what loopstall said, or 1
# if the service did not survive.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
program=${BUILD:-build}/loopstall
python=${PYTHON:-/usr/bin/python3}
seconds=${SECONDS_WATCHED:-10}
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo

export PYTHONDONTWRITEBYTECODE=1
scratch=$(mktemp -d)
service_pid=
load_pid=
trace_pid=

cleanup() {
    local pid
    # Both end when their stdin closes; the signal is for one that is stuck.
    exec 8>&- 9>&-
    for pid in $trace_pid $load_pid $service_pid; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
# Ends the watching early; its summary and the clean-up follow.
trap '[ -z "$trace_pid" ] || kill -INT "$trace_pid" 2>/dev/null || true' INT TERM

mkfifo "$scratch/service" "$scratch/load"
# Opened for both ways, so that opening does not wait for the other side.
exec 8<>"$scratch/service" 9<>"$scratch/load"

"$python" "$here/service.py" <"$scratch/service" >"$scratch/where" 8>&- 9>&- &
service_pid=$!
for _ in $(seq 100); do
    [ ! -s "$scratch/where" ] || break
    kill -0 "$service_pid" 2>/dev/null || { echo "the demo service did not start" >&2; exit 1; }
    sleep 0.1
done
read -r port pid <"$scratch/where" || { echo "the demo service does not answer" >&2; exit 1; }

"$python" "$here/load.py" "$port" <"$scratch/load" 8>&- 9>&- &
load_pid=$!

echo "A service with honest mistakes runs as process $pid: $here/service.py"
echo "\$ loopstall trace -p $pid -d ${seconds}s --threshold 10ms"
echo
$as_root "$program" trace -p "$pid" -d "${seconds}s" --threshold 10ms 8>&- 9>&- &
trace_pid=$!
# A signal interrupts `wait`, not loopstall: wait again until it has ended.
while :; do
    code=0
    wait "$trace_pid" || code=$?
    kill -0 "$trace_pid" 2>/dev/null || break
done
trace_pid=

for pid in $service_pid $load_pid; do
    if ! kill -0 "$pid" 2>/dev/null; then
        echo "process $pid of the demo did not survive" >&2
        code=1
    fi
done
exit "$code"
