# SPDX-License-Identifier: BSD-2-Clause
"""A CPU quota, and death at a limit of memory, by control groups as this guest has them: of both
versions side by side on the older kernel, of version 2 alone on the newer one."""

import os
import subprocess

import cgroups
from lib import MS, check, check_equal, live
from test_causes import _check_throttled as check_throttled
from test_causes import _limited_group as new_quota
from test_open import MEMORY_BYTES
from test_open import _check_stall as check_stall
from test_open import _ended_stall as ended_stall

ROOT = "/sys/fs/cgroup"


def _mount(kind, folder, options):
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", kind, "-o", options, "none", folder], check=True)


def _mount_groups():
    """As systemd does, in its hybrid hierarchy and in its unified one."""
    unified = ROOT
    if os.environ["TRANSPORT"] == "perf uprobe":
        unified = ROOT + "/unified"
        _mount("tmpfs", ROOT, "mode=755")
        _mount("cgroup", ROOT + "/cpu,cpuacct", "cpu,cpuacct")
        os.symlink("cpu,cpuacct", ROOT + "/cpu")
    _mount("cgroup2", unified, "rw")
    with open(unified + "/cgroup.controllers") as file:
        has_cpu = "cpu" in file.read().split()
    check_equal(has_cpu, unified == ROOT, "the quota is of version 2")
    cgroups.write(unified, "cgroup.subtree_control", "+memory +cpu" if has_cpu else "+memory")


def _group_in(start_line, pid):
    return next(t["cgroup"] for t in start_line["targets"] if t["pid"] == pid)


def _check_quota(tool, throttled):
    longest = max(step["throttled_ns"] for step in throttled["steps"])
    check(longest > 50 * MS, "no step was throttled: %r", throttled["steps"])
    for step in throttled["steps"]:
        check_throttled(tool, step)


def _check_death(tool, stuck, pid):
    tool.stalls = [stall for stall in tool.stalls if stall["pid"] == pid]
    stall = ended_stall(tool, stuck)
    check_equal((stall["end"], stall["is_open"]), ("signal:SIGKILL", False), "end")
    check_stall(stall, "allocate", stuck, pid)
    check("killed by SIGKILL " in tool.stderr, "%r", tool.stderr)


def _measure(bench, slow, greedy, quota, memory):
    tool = bench.tool(
        "trace", "-p", "%d,%d" % (slow.pid, greedy.pid), "--mode", "exact", "--threshold", "20ms"
    )
    tool.wait_start()
    with bench.part("names"):
        for pid, group in ((slow.pid, quota), (greedy.pid, memory)):
            name = "/" + os.path.basename(group)
            check_equal(_group_in(tool.start_line, pid), name, "group of %d" % pid)
    throttled = slow.ask("go", "done")
    slow.finish()
    stuck = greedy.ask("go", "stuck")
    tool.end()
    with bench.part("quota"):
        _check_quota(tool, throttled)
    with bench.part("memory"):
        check_equal(cgroups.oom_kills(memory), 1, "processes killed by the kernel")
        _check_death(tool, stuck, greedy.pid)


@live(on="once")
def limits(bench):
    if not os.path.ismount(ROOT):
        _mount_groups()
    quota, memory = new_quota(), cgroups.new_memory_limit(MEMORY_BYTES)
    slow, greedy = bench.target("throttled.py", quota), bench.target("hangs.py", "allocate")
    try:
        slow.hear("ready")
        greedy.hear("ready")
        cgroups.write(memory, "cgroup.procs", str(greedy.pid))
        _measure(bench, slow, greedy, quota, memory)
    finally:
        for target, folder in ((slow, quota), (greedy, memory)):
            target.close()
            cgroups.remove(folder)
