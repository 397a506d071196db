#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures what loopstall costs on this machine; docs/overhead.md says how. Run by `make bench`.
# BENCH_ROUNDS sets the number of paired rounds (16, about six minutes), PYTHONS the interpreters
# (their paths, separated by spaces), BENCH_ONLY the parts (steps echo web modes tool attach top
# otlp peers), BENCH_SCREENS the screens of the dashboard (coroutines tasks). BENCH_DOCS=1 writes
# the tables of the part "peers" into docs/overhead.md.
set -eu

cd "$(dirname "$0")/../.."
if [ "$(id -u)" -ne 0 ]; then
    echo "the benchmark attaches probes: run it as root (sudo make bench)" >&2
    exit 1
fi
export BUILD="${BUILD:-build}" PYTHONDONTWRITEBYTECODE=1
make -s -f tests/bench/Makefile BUILD="$BUILD"
exec "${PYTHON:-/usr/bin/python3}" tests/bench/bench.py
