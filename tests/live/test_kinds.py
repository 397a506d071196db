# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of task: written in Python, derived from the C class, trio's; nested and eager steps; loops one after the other."""

from lib import both_loops, live
from test_counts import count


@live(loops=both_loops)
def python_tasks_counted(bench):
    for how in ([], ["--inside"], ["--threads", "3"]):
        with bench.part(" ".join(how) or "after attach"):
            count(bench, "--tasks", "python", *how, n_loops=3 if "--threads" in how else 1)


@live(loops=both_loops)
def derived_tasks_counted(bench):
    count(bench, "--tasks", "subclass")
