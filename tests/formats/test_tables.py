# SPDX-License-Identifier: BSD-2-Clause
"""json, csv and markdown, read by Python's own modules and by markdown-it."""

import csv
import html.parser
import io
import json
import os

from markdown_it import MarkdownIt

from lib import (
    CAUSES,
    CONTROL,
    FORMULA,
    GOLDEN,
    QUOTES,
    TAG,
    check,
    equal,
    escaped,
    has_no_controls,
    lines_of_json,
    stalls,
    text,
)


def test_json_lines():
    lines = lines_of_json()
    equal(
        [line["type"] for line in lines],
        ["start"] + ["stall"] * (len(lines) - 2) + ["summary"],
        "order of lines",
    )
    check(all(line["schema"] == "loopstall/1" for line in lines), "a line without the schema")
    check(text("json").isascii(), "not ASCII")
    equal({stall["cause"] for stall in stalls()}, set(CAUSES), "causes")
    for stall in stalls():
        equal(sum(stall["causes_ns"].values()), stall["duration_ns"], "sum of the causes")
    summary = lines[-1]
    names = {row["name"] for row in summary["coroutines"]}
    for name in (TAG, CONTROL, FORMULA):
        check(name in names, "%r did not come through", name)
    for payer in summary["payers"]:
        check(payer["victim"] < len(summary["victims"]), "payer of nobody: %r", payer)


def rows_of(extension):
    raw = text(extension)
    check(raw.count("\n") == raw.count("\r\n"), "a line does not end with CR LF")
    has_no_controls(raw, allowed="\r\n")
    rows = list(csv.reader(io.StringIO(raw, newline=""), strict=True))
    equal(raw.count("\r\n"), len(rows), "lines and rows")
    equal({len(row) for row in rows}, {len(rows[0])}, "widths of rows")
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def escaped_cell(name):
    return "'" + escaped(name) if name.startswith(("=", "+", "-", "@")) else escaped(name)


def test_csv_coroutines():
    rows, summary = rows_of("csv"), lines_of_json()[-1]
    equal(len(rows), len(summary["groups"]["rows"]), "rows")
    for row, wanted in zip(rows, summary["groups"]["rows"]):
        equal(row["unit"], wanted["unit"] or "", "unit")
        for key in (
            "steps",
            "total_ns",
            "p99_ns",
            "max_ns",
            "stalls",
            "starved_ns",
            "suffered_ns",
            "gil_ns",
        ):
            equal(row[key], "" if wanted[key] is None else str(wanted[key]), key)
    coroutines = [row for row in rows if row["p99_ns"]]
    equal(
        sorted((row["name"], row["stalls"]) for row in coroutines),
        sorted((escaped_cell(row["name"]), str(row["stalls"])) for row in summary["coroutines"]),
        "rows of coroutines",
    )
    names = [row["name"] for row in rows]
    check("'" + escaped(FORMULA) in names, "a formula is not kept from the spreadsheet: %r", names)
    check(escaped(TAG) in names and escaped(CONTROL) in names, "hostile names changed: %r", names)
    check(
        not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values()),
        "a formula",
    )


def test_csv_stalls():
    rows = rows_of("stalls.csv")
    equal(
        [int(row["duration_ns"]) for row in rows],
        [stall["duration_ns"] for stall in stalls()],
        "durations",
    )
    equal([row["cause"] for row in rows], [stall["cause"] for stall in stalls()], "causes")
    for row in rows:
        equal(
            sum(int(row[k]) for k in ("cpu_ns", "blocked_ns", "gil_ns", "runqueue_ns")),
            int(row["duration_ns"]),
            "split",
        )
    check(escaped(QUOTES) in [row["task"] for row in rows], "the quoted name changed")


class Page(html.parser.HTMLParser):
    """Tags that were seen, tables as lists of rows of cells, code spans."""

    def __init__(self):
        super().__init__()
        self.tags, self.tables, self.codes, self.in_code = set(), [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "code":
            self.codes.append("")
            self.in_code = True

    def handle_endtag(self, tag):
        if tag == "code":
            self.in_code = False

    def handle_data(self, data):
        if self.in_code:
            self.codes[-1] += data
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


def rendered(markdown):
    has_no_controls(markdown, allowed="\n")
    page = Page()
    page.feed(
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    )
    return page


def test_markdown():
    page = rendered(text("md"))
    equal(
        page.tags,
        {"h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "ul", "li"},
        "tags",
    )
    # Findings, coroutines, routes, tests, call sites, holders of the GIL, holders of locks.
    equal([len(table) for table in page.tables], [11, 8, 10, 10, 5, 3, 2], "rows of the tables")
    for table, cells in zip(page.tables, (7, 5, 5, 5, 5, 5, 5)):
        equal({len(row) for row in table}, {cells}, "cells of the rows")
    for table in page.tables[2:4]:
        equal(sum(int(row[1]) for row in table[1:]), len(stalls()), "stalls by " + table[0][0])
    equal(
        {
            row[0].strip(): int(row[1])
            for row in page.tables[3]
            if row[0].startswith("tests/")
        },
        {s["test"]: 1 for s in stalls() if s["test"]},
        "tests",
    )
    for name in (TAG, QUOTES, CONTROL, FORMULA):
        check(escaped(name) in page.codes, "%r is not as it was: %r", name, page.codes)


def test_diff():
    with open(os.path.join(GOLDEN, "diff.md"), encoding="utf-8") as file:
        page = rendered(file.read())
    # The verdict comes first, in bold.
    equal(
        page.tags,
        {"h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "ul", "li"},
        "tags",
    )
    equal(
        [(len(table), {len(row) for row in table}) for table in page.tables],
        [(8, {8}), (3, {8})],
        "tables",
    )
    check("new <b>`|\\x1b[2J" in page.codes, "the name is not as it was: %r", page.codes)
    with open(os.path.join(GOLDEN, "diff.json"), encoding="ascii") as file:
        diff = json.load(file)
    equal(
        [row["change"] for row in diff["coroutines"]],
        ["new", "worse", "worse", "better", "gone", "same", "same"],
        "changes",
    )
    for side in ("before", "after"):
        equal(
            sum(row[side]["stalled_ns"] for row in diff["coroutines"]),
            diff[side]["stalled_ns"],
            "sum of " + side,
        )
