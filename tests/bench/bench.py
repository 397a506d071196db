#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures what loopstall costs, and holds it against the requirements. Run through run.sh.

Prints a table for each part and writes everything, each round's samples included, to
build/bench/results.json. Misses of a requirement are printed, they do not fail the run: this is a
measurement, on a machine that may be busy.
"""

import json
import os
import platform
import signal
import sys
import time

import dashboard
import otlp
import versus
import versus_table
from harness import (
    BUILD,
    ROOT,
    STATES,
    Auto,
    Base,
    BenchError,
    Full,
    Light,
    added_ratios,
    command_output,
    cpu_time_ns,
    mean_ratio,
    paired_rounds,
    program_rounds,
    ratios,
    run_python,
    spread,
    start,
    status_bytes,
)
from workloads import can_serve, echo, steps, web

ROUNDS = os.environ.get("BENCH_ROUNDS", "16")
SCREENS = os.environ.get("BENCH_SCREENS", "coroutines tasks").split()
PYTHONS = os.environ.get("PYTHONS", "/usr/bin/python3").split()
PARTS = ("steps", "echo", "web", "modes", "tool", "attach", "top", "otlp", "peers")
ONLY = os.environ.get("BENCH_ONLY", " ".join(PARTS)).split()
DOCS = os.path.join(ROOT, "docs", "overhead.md") if os.environ.get("BENCH_DOCS") else None

MAX_PROGRAM_RATIO = 1.30
MIN_RATE = 0.98  # what mode light and mode auto at its default budget leave of it
MAX_TOOL_CPU = 0.02
MAX_TOOL_RSS_BYTES = 40 << 20
MAX_ATTACH_NS = 300000000
MAX_TOP_CPU = 0.03
MAX_TOP_RSS_BYTES = 60 << 20
MAX_KEY_NS = 50000000

TOOL_RATE, TOOL_TASKS, TOOL_SECONDS, TOOL_SETTLE_S = 20000, 100, 12, 3
ATTACH_RUNS = 7
MAX_RESOLVED_SPREAD = 0.8  # between quartiles; beyond it a ratio of differences says nothing


def load():
    return os.getloadavg()[0]


def verdict(is_met):
    return "met" if is_met else "MISSED"


def in_words(value, digits=2):
    return (
        f"{value['median']:.{digits}f} [{value['lower']:.{digits}f} .. {value['upper']:.{digits}f}]"
    )


def version_of(interpreter):
    return run_python(interpreter, "import platform; print(platform.python_version())")


# Parts. Each prints its own lines and returns its figures.


def compare(workload, rounds):
    """Three states on one running program, then the time inside the programs."""
    before_load = load()
    with workload as (pid, slice_once, unit, name):
        samples = paired_rounds(pid, slice_once, rounds)
        inside = program_rounds(pid, slice_once, max(2, rounds // 4))
    result = {
        "name": name,
        "unit": unit,
        "load_before": before_load,
        "load_after": load(),
        "rounds": samples,
        "ns": {state.name: spread([row[state.name]["ns"] for row in samples]) for state in STATES},
        "rate": {
            state.name: spread([row[state.name]["rate"] for row in samples]) for state in STATES
        },
        "rate_full_over_base": ratios(samples, "rate", "full", "base"),
        "full_over_base": ratios(samples, "ns", "full", "base"),
        "full_over_empty": ratios(samples, "ns", "full", "empty"),
        "added_over_empty_added": added_ratios(samples, "ns"),
        "programs_ns": {key: spread([row[key] for row in inside]) for key in ("empty", "full")},
    }
    result["programs_over_probes"] = programs_over_probes(result)
    print_comparison(result)
    return result


def programs_over_probes(result):
    """full / empty again, from the time inside the programs: an estimate that needs no difference
    of noisy sums."""
    programs_ns = result["programs_ns"]["full"]["median"] - result["programs_ns"]["empty"]["median"]
    return 1 + programs_ns / result["ns"]["empty"]["median"]


def print_comparison(result):
    unit, total, added = result["unit"], result["full_over_empty"], result["added_over_empty_added"]
    by_state = {
        key: "   ".join(f"{state} {in_words(value, 0)}" for state, value in result[key].items())
        for key in ("ns", "rate", "programs_ns")
    }
    print(
        f"\n{result['name']}   (load {result['load_before']:.1f} before, "
        f"{result['load_after']:.1f} after)"
    )
    print(f"  CPU ns per {unit}          {by_state['ns']}")
    print(f"  {unit}s per second         {by_state['rate']}")
    print(
        f"  full / base               {in_words(result['full_over_base'])} of CPU, "
        f"{in_words(result['rate_full_over_base'])} of the rate"
    )
    print(
        f"  full / empty              {in_words(total)}   at most {MAX_PROGRAM_RATIO:.2f}: "
        f"{verdict(total['median'] <= MAX_PROGRAM_RATIO)}"
    )
    print(
        f"  ns inside the programs    {by_state['programs_ns']}   full / empty from it: "
        f"{result['programs_over_probes']:.2f}"
    )
    if added and added["upper"] - added["lower"] <= MAX_RESOLVED_SPREAD:
        print(
            f"  full added / empty added  {in_words(added)}   stricter reading, at most "
            f"{MAX_PROGRAM_RATIO:.2f}: "
            f"{verdict(added['median'] <= MAX_PROGRAM_RATIO)}"
        )
    else:
        print("  full added / empty added  not resolved: what is added is smaller than the noise")


def part_modes(interpreter, kind, connections):
    """A service that is busy and watched for long, by the modes that are to be cheap."""
    before_load = load()
    with web(interpreter, kind, connections, seconds=2, lead_s=2) as (pid, slice_once, _, name):
        samples = paired_rounds(pid, slice_once, max(2, ROUNDS // 2), (Base, Light, Auto))
    result = {"name": "modes", "workload": name, "load_before": before_load, "rounds": samples}
    print(
        f"\n{name}   (load {before_load:.1f} before, {load():.1f} after); means and their standard "
        "errors"
    )
    for mode in ("light", "auto"):
        result[mode] = {
            key: mean_ratio(samples, key, mode, "base") for key in ("rate", "ns", "p99_ns")
        }
        rate, cpu, p99 = (
            f"{value['mean']:.3f} +- {value['error']:.3f}" for value in result[mode].values()
        )
        print(
            f"  {mode:5} / base   {rate} of the rate, at least {MIN_RATE:.2f}: "
            f"{verdict(result[mode]['rate']['mean'] >= MIN_RATE)}   {cpu} of CPU for each, {p99} "
            "of its p99"
        )
    return result


def part_tool(interpreter):
    before_load = load()
    with start(interpreter, "steps.py") as target:
        target.answer()
        target.tell("pace", TOOL_TASKS, TOOL_RATE, TOOL_SECONDS + TOOL_SETTLE_S + 2)
        with Full(target.pid) as full:
            startup_cpu_ns = cpu_time_ns(full.process.pid)
            time.sleep(TOOL_SETTLE_S)
            cpu_ns, wall_ns = cpu_time_ns(full.process.pid), time.monotonic_ns()
            time.sleep(TOOL_SECONDS)
            cpu_ns = cpu_time_ns(full.process.pid) - cpu_ns
            wall_ns = time.monotonic_ns() - wall_ns
            rss_bytes, peak_bytes = (
                status_bytes(full.process.pid, name) for name in ("VmRSS", "VmHWM")
            )
            done = target.answer()
    share, rate = cpu_ns / wall_ns, done["steps"] * 1e9 / done["wall_ns"]
    print(f"\nloopstall itself, watching {rate:.0f} steps/s   " f"(load {before_load:.1f} before)")
    print(
        f"  CPU      {100 * share:.2f} % of a core over {wall_ns / 1e9:.0f} s   under "
        f"{100 * MAX_TOOL_CPU:.0f} %: "
        f"{verdict(share < MAX_TOOL_CPU)}   (to attach, before: {startup_cpu_ns / 1e6:.0f} ms)"
    )
    print(
        f"  memory   {rss_bytes / 2**20:.1f} MiB RSS, peak {peak_bytes / 2**20:.1f} MiB   "
        f"under {MAX_TOOL_RSS_BYTES >> 20} MiB: {verdict(peak_bytes < MAX_TOOL_RSS_BYTES)}"
    )
    print(
        f"  steps    seen {full.steps} while the target made {done['steps']} from before the "
        "attach on; "
        f"stalls {full.summary.get('stalls')}, lost {full.summary.get('lost')}"
    )
    return {
        "name": "tool",
        "cpu_share": share,
        "startup_cpu_ns": startup_cpu_ns,
        "rss_bytes": rss_bytes,
        "peak_rss_bytes": peak_bytes,
        "steps_per_second": rate,
        "load_before": before_load,
        "steps_seen": full.steps,
        "target_cpu_share": done["cpu_ns"] / done["wall_ns"],
    }


def part_attach(interpreter):
    values, before_load = [], load()
    with start(interpreter, "steps.py") as target:
        target.answer()
        for _ in range(ATTACH_RUNS):
            with Full(target.pid) as full:
                target.ask("run", 1, 1000)
            values.append(full.attach_ns)
    value = spread([v / 1e6 for v in values])
    print(
        f"\nattach to one process, exec to start line, {ATTACH_RUNS} runs   "
        f"(load {before_load:.1f} before)"
    )
    print(
        f"  {in_words(value, 0)} ms   under {MAX_ATTACH_NS / 1e6:.0f} ms: "
        f"{verdict(value['median'] * 1e6 < MAX_ATTACH_NS)}"
    )
    return {"name": "attach", "ms": value, "load_before": before_load}


def part_top(interpreter):
    before_load = load()
    results = dashboard.measure(interpreter, SCREENS)
    for result in results:
        print(
            f"\nloopstall top on the screen {result['screen']}, "
            f"{dashboard.COLUMNS}x{dashboard.ROWS}, numbers every "
            f"{dashboard.REFRESH}   (load {before_load:.1f} before)"
        )
        print(
            f"  target   {result['tasks']} live tasks, {result['steps_per_second']:.0f} steps/s, "
            f"{100 * result['target_cpu_share']:.0f} % of a core"
        )
        if "missing" in result:
            print(f"  not measured: {result['missing']}")
            continue
        share, peak_bytes, worst_ns = (
            result[key] for key in ("cpu_share", "peak_rss_bytes", "key_worst_ns")
        )
        print(
            f"  CPU      {100 * share:.2f} % of a core over {result['wall_ns'] / 1e9:.0f} s   "
            "under "
            f"{100 * MAX_TOP_CPU:.0f} %: {verdict(share < MAX_TOP_CPU)}   "
            f"({result['output_bytes_per_second'] / 1000:.1f} kB/s to the terminal)"
        )
        print(
            f"  memory   {result['rss_bytes'] / 2**20:.1f} MiB RSS, peak {peak_bytes / 2**20:.1f} "
            "MiB   under "
            f"{MAX_TOP_RSS_BYTES >> 20} MiB: {verdict(peak_bytes < MAX_TOP_RSS_BYTES)}"
        )
        print(
            f"  a key    {result['key_median_ns'] / 1e6:.1f} ms to the screen, worst of "
            f"{len(result['key_ns'])} "
            f"{worst_ns / 1e6:.1f} ms   under {MAX_KEY_NS / 1e6:.0f} ms: "
            f"{verdict(worst_ns < MAX_KEY_NS)}"
        )
    return {"name": "top", "load_before": before_load, "screens": results}


def part_otlp(interpreter):
    before_load = load()
    result = otlp.measure(interpreter, max(2, ROUNDS // 4))
    sent = result["with"]
    print(
        f"\nloopstall serve without and with --otlp, {sent['stalls_per_second']['median']:.0f} "
        f"stalls/s   (load {before_load:.1f} before)"
    )
    for state in ("without", "with"):
        cpu, rss = result[state]["cpu_share"], result[state]["rss_bytes"]
        print(
            f"  {state:8} {100 * cpu['median']:.2f} % of a core, {rss['median'] / 2**20:.1f} MiB"
        )
    cpu = {key: 100 * value for key, value in result["added_cpu_share"].items()}
    rss = {key: value / 2**20 for key, value in result["added_rss_bytes"].items()}
    print(f"  added    {in_words(cpu)} % of a core, {in_words(rss, 1)} MiB")
    print(
        f"  sent     {sent['requests_per_second']['median']:.1f} requests/s, "
        f"{sent['bytes_per_second']['median'] / 1000:.1f} kB/s, lost "
        f"{sum(row['with']['lost'] for row in result['rounds'])}"
    )
    return {"name": "otlp", "load_before": before_load, **result}


def part_peers():
    """The comparison has interpreters of its own, and files of its own: tables for people and for
    docs/overhead.md."""
    rounds = max(2, ROUNDS // 4)
    results = {
        "machine": machine(),
        "rounds": rounds,
        "interpreters": versus.measure(rounds, max(1, ROUNDS // 16)),
    }
    folder = os.path.join(ROOT, BUILD, "bench")
    text = versus_table.markdown(results)
    with open(os.path.join(folder, "peers.json"), "w") as file:
        json.dump(results, file, indent=1)
    with open(os.path.join(folder, "peers.md"), "w") as file:
        file.write(text)
    if DOCS:
        versus_table.put_into(DOCS, text)
    print(text)
    return {"name": "peers", **results}


# The whole


def cpu_name():
    with open("/proc/cpuinfo") as f:
        return next(
            (line.split(":")[1].strip() for line in f if line.startswith("model name")),
            platform.machine(),
        )


def machine():
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "program": command_output(Full.program, "--version"),
        "pythons": [version_of(interpreter) for interpreter in PYTHONS],
        "rounds": ROUNDS,
    }


def parts(interpreter):
    """The functions to call, each for one part of the results."""
    if "steps" in ONLY:
        yield lambda: compare(steps(interpreter, 1), ROUNDS)
        yield lambda: compare(steps(interpreter, 100), ROUNDS)
    if "echo" in ONLY:
        yield lambda: compare(echo(interpreter), ROUNDS)
    for kind in ("asyncio", "uvloop") if "web" in ONLY else ():
        if can_serve(interpreter, kind):
            yield lambda kind=kind: compare(web(interpreter, kind), max(2, ROUNDS * 2 // 3))
        else:
            print(f"\nno uvicorn on {kind}: wrk, uvicorn, httptools or the loop is not installed")
    for kind in ("asyncio", "uvloop") if "modes" in ONLY else ():
        for connections in (2, 16) if can_serve(interpreter, kind) else ():
            yield lambda kind=kind, connections=connections: part_modes(
                interpreter, kind, connections
            )
    if "tool" in ONLY:
        yield lambda: part_tool(interpreter)
    if "attach" in ONLY:
        yield lambda: part_attach(interpreter)
    if "top" in ONLY:
        yield lambda: part_top(interpreter)
    if "otlp" in ONLY:
        yield lambda: part_otlp(interpreter)


def main():
    global ROUNDS
    if set(ONLY) - set(PARTS) or not ROUNDS.isdecimal() or int(ROUNDS) < 1:
        sys.exit(f"BENCH_ONLY takes {' '.join(PARTS)}, BENCH_ROUNDS a number from 1 on")
    ROUNDS = int(ROUNDS)
    # Python's default would leave the children running.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    results = {"machine": machine(), "parts": []}
    print(", ".join(f"{key} {value}" for key, value in results["machine"].items()))
    print("median [lower quartile .. upper quartile] over the rounds")
    for interpreter in PYTHONS if set(ONLY) - {"peers"} else ():
        print(f"\n== Python {version_of(interpreter)}")
        for part in parts(interpreter):
            results["parts"].append({"python": version_of(interpreter), **part()})
    if "peers" in ONLY:
        results["parts"].append(part_peers())
    path = os.path.join(ROOT, BUILD, "bench", "results.json")
    with open(path, "w") as f:
        json.dump(results, f, indent=1)
    print(f"\nall samples: {os.path.relpath(path, ROOT)}")


try:
    main()
except BenchError as error:
    sys.exit(f"bench: {error}")
except KeyboardInterrupt:
    sys.exit(130)
