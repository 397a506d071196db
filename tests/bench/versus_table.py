# SPDX-License-Identifier: BSD-2-Clause
"""The comparison as Markdown: a table for each interpreter, a column for each tool, cost above and
truth below."""

import re
import textwrap

NO_TRUTH = "not measured: it failed on the truth program"
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
NOTHING, FAILED = "-", "failed"
COLUMNS = 100  # as make lint checks it


def ratio(cell, key):
    if "failed" in cell:
        return FAILED
    value = cell.get(key)
    if not value:
        return NOTHING
    return f"{value['median']:.2f} [{value['lower']:.2f} .. {value['upper']:.2f}]"


def worst(cost, name, key, scale, unit):
    """The largest median over the workloads."""
    values = [cell[name][key]["median"] for cell in cost.values() if cell.get(name, {}).get(key)]
    return f"{max(values) * scale:.1f} {unit}" if values else NOTHING


def share(truth, key):
    value = truth.get(key)
    return f"{value['right']} of {value['of']}" if value else NOTHING


def error(truth):
    value = truth.get("error_ns")
    return f"{value['median'] / 1e6:.2f}, {value['max'] / 1e6:.1f} ms" if value else NOTHING


def found(truth):
    return FAILED if "failed" in truth else f"{truth['found']} of {truth['planned']}"


def rows(result):
    """(what, [a cell for each tool])"""
    names, cost, truth = [peer["name"] for peer in result["peers"]], result["cost"], result["truth"]
    for what, key in (("throughput", "x_rate"), ("p99 latency", "x_p99_ns")):
        for workload, cells in cost.items():
            line = [ratio(cells.get(name, {}), key) for name in names]
            if set(line) - {NOTHING, FAILED} or (key == "x_rate" and cells):
                yield f"{what}: {workload}", line
    yield "CPU of the tool, at most", [
        worst(cost, name, "tool_cpu", 100, "% of a core") for name in names
    ]
    yield "memory of the tool, at most", [
        worst(cost, name, "tool_rss", 2**-20, "MiB") for name in names
    ]
    yield "known stalls found", [found(truth[name]) for name in names]
    yield "right line", [share(truth[name], "line") for name in names]
    yield "right cause", [share(truth[name], "cause") for name in names]
    yield "task named", [share(truth[name], "task") for name in names]
    yield "who waited, counted right", [share(truth[name], "victims") for name in names]
    yield "error of the duration: median, max", [error(truth[name]) for name in names]
    yield "reports outside the plan", [
        str(len(truth[name]["unplanned"])) if "unplanned" in truth[name] else NOTHING
        for name in names
    ]


def table(result):
    names = [peer["name"] for peer in result["peers"]]
    before, after = result["load_before"], result["load_after"]
    yield f"\n**Python {result['python']}**, load {before:.1f} before, {after:.1f} after\n"
    yield "| | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    for what, cells in rows(result):
        yield f"| {what} | " + " | ".join(cells) + " |"
    yield ""
    for peer in result["peers"]:
        yield f"- {peer['name']}: `{peer['settings']}`" + (
            f". {peer['note']}" if peer["note"] else ""
        )
    for name, reason in result["absent"].items():
        yield f"- {name}: absent. {reason}"
    for workload, cells in result["cost"].items():
        if not cells:
            yield f"- {workload}: not measured, a package is missing for this interpreter"
    yield from sorted(set(failures(result)))


def failures(result):
    for where, cells in [("truth", result["truth"]), *result["cost"].items()]:
        for name, cell in cells.items():
            if "failed" in cell and cell["failed"] not in ("", NO_TRUTH):
                yield f"- {name} failed ({where}): {telling_line(cell['failed'])}"


def telling_line(text):
    """The last line that speaks of an error, or the last at all, without the colours of a
    terminal."""
    lines = [line for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines() if line.strip()]
    return next(
        (line for line in reversed(lines) if "error" in line.lower()),
        lines[-1] if lines else "it said nothing",
    )


def markdown(results):
    machine = results["machine"]
    lines = [
        f"{machine['date']}. {machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, "
        f"{results['rounds']} rounds. Ratios to the same program without a tool: median "
        "[quartiles]."
    ]
    for result in results["interpreters"]:
        lines += table(result)
    return "\n".join(wrapped(line) for line in lines) + "\n"


def wrapped(line):
    """Cells stay on their line; the text around tables is as wide as that of other pages."""
    if line.startswith("|") or len(line) <= COLUMNS:
        return line
    indent = "  " if line.startswith("- ") else ""
    return textwrap.fill(
        line,
        COLUMNS,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def put_into(path, text):
    """Between the marks."""
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}")
