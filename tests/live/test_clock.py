# SPDX-License-Identifier: BSD-2-Clause
"""Each CPU has its sampler, also if several start at once and the kernel is short of timers."""

import os

from lib import check, check_equal, live

ROUNDS = int(os.environ.get("CLOCK_ROUNDS", 5))
AT_ONCE = 8


def _is_sampled(stall):
    return any(frame["function"] == "burn" for frame in stall["stack"])


def _check_samples(tool, pids):
    tool.end(timeout=60)
    lost = tool.summary["lost"]
    check(not lost.get("sampler_no_clock"), "a CPU without a sampler: %r", lost)
    found = {stall["pid"] for stall in tool.stalls if _is_sampled(stall)}
    check_equal(sorted(found), sorted(pids), "pids with lines, of %d stalls" % len(tool.stalls))


@live(on="once")
def a_sampler_on_each_cpu(bench):
    cpus = sorted(os.sched_getaffinity(0))
    targets = [bench.target("burner.py", wrap=("taskset", "-c", str(cpu))) for cpu in cpus]
    pids = [target.hear("ready")["pid"] for target in targets]
    args = ("trace", "-p", ",".join(map(str, pids)), "-d", "3s", "--threshold", "20ms")
    for _ in range(ROUNDS):
        tools = [bench.tool(*args) for _ in range(AT_ONCE)]
        for tool in tools:
            _check_samples(tool, pids)
