#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Checks a service under load (wrk). Run it as root. Arguments: the port on which the service
# listens, then the command that starts it.
#
#   docs/ci/service.sh 8000 python3 -m uvicorn app:app --port 8000
set -eu

loopstall=${LOOPSTALL:-loopstall}
seconds=${SECONDS_OF_LOAD:-10}
port=$1
shift

"$@" &
service=$!
trap 'kill "$service" 2>/dev/null || true' EXIT
for _ in $(seq 50); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done

wrk -t1 -c16 -d"${seconds}s" "http://127.0.0.1:$port/" >wrk.txt &
load=$!
code=0
"$loopstall" check -p "$service" -d "${seconds}s" --max-step 50ms --p99-step 20ms \
    --junit loop.xml || code=$?
wait "$load" || true
cat wrk.txt
exit "$code"
