#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks how a captured screen becomes a picture. The last line is "N passed, N failed, N
skipped"."""

import os
import sys
import xml.etree.ElementTree as tree

sys.dont_write_bytecode = True

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import suite  # noqa: E402 (tests/suite.py)

import ansi_svg
from ansi_svg import BACKGROUND, COLUMN, FOREGROUND, MARGIN, ROW, THEME

NS = "{http://www.w3.org/2000/svg}"


def draw(text, columns=20, rows=4):
    """Spans as (column, row, text, attributes) and rectangles as (column, row, columns,
    attributes)."""
    root = tree.fromstring(ansi_svg.svg(text, columns, rows, "a <title> & more"))
    assert root.find(NS + "title").text == "a <title> & more"
    spans = []
    for line in root.iter(NS + "text"):
        row = round((float(line.get("y")) - MARGIN - ansi_svg.BASELINE) / ROW)
        for span in line.iter(NS + "tspan"):
            column = round((float(span.get("x")) - MARGIN) / COLUMN)
            spans.append((column, row, span.text, span.attrib))
    shapes = [
        (
            round((float(s.get("x")) - MARGIN) / COLUMN),
            (float(s.get("y")) - MARGIN) / ROW,
            round(float(s.get("width")) / COLUMN),
            s.attrib,
        )
        for s in root.iter(NS + "rect")
        if s.get("x")
    ]
    return spans, shapes


def equal(got, wanted):
    assert got == wanted, f"{got!r} is not {wanted!r}"


def places(spans):
    return [span[:3] for span in spans]


def test_plain_text_keeps_its_places():
    spans, shapes = draw("one two   three\n\n  <&>\n")
    equal(places(spans), [(0, 0, "one two"), (10, 0, "three"), (2, 2, "<&>")])
    equal(shapes, [])
    equal(float(spans[1][3]["textLength"]), 5 * COLUMN)


def test_colours_of_all_kinds():
    spans, _ = draw("\x1b[31ma\x1b[92mb\x1b[38;5;196mc\x1b[38;5;244md\x1b[38;2;1;2;3me\x1b[39mf")
    equal(
        [span[3].get("fill") for span in spans],
        [THEME[1], THEME[10], "#ff0000", "#808080", "#010203", None],
    )


def test_attributes_and_reset():
    spans, _ = draw("\x1b[1ma\x1b[22;3mb\x1b[23;4mc\x1b[0md")
    equal(
        [
            (s[3].get("font-weight"), s[3].get("font-style"), s[3].get("text-decoration"))
            for s in spans
        ],
        [
            ("bold", None, None),
            (None, "italic", None),
            (None, None, "underline"),
            (None, None, None),
        ],
    )


def test_background_and_reverse():
    spans, shapes = draw("\x1b[44ma  b\x1b[49mc\x1b[7md")
    equal(
        [(x, y, n, a["fill"]) for x, y, n, a in shapes],
        [(0, 0, 4, THEME[4]), (5, 0, 1, FOREGROUND)],
    )
    equal(spans[-1][3]["fill"], BACKGROUND)


def test_dim_is_between_text_and_background():
    spans, _ = draw("\x1b[2;38;2;255;255;255;48;2;0;0;0mx")
    equal(spans[0][3]["fill"], "#999999")


def test_a_style_goes_on_over_the_end_of_a_line():
    spans, _ = draw("\x1b[31ma\nb\x1b[0m\nc")
    equal([span[3].get("fill") for span in spans], [THEME[1], THEME[1], None])


def test_wide_and_combining_characters():
    spans, _ = draw("日本 e\u0301x  y")
    equal(places(spans), [(0, 0, "日本 e\u0301x"), (9, 0, "y")])
    equal(spans[0][3]["textLength"], ansi_svg.number(7 * COLUMN))


def test_blocks_are_drawn():
    spans, shapes = draw("\x1b[32m▓▓░\x1b[31m▂█\x1b[0m.")
    equal(places(spans), [(5, 0, ".")])
    equal(
        [(x, y, n, a["fill"], a.get("fill-opacity")) for x, y, n, a in shapes],
        [
            (0, 0, 2, THEME[2], "0.8"),
            (2, 0, 1, THEME[2], "0.3"),
            (3, 0.75, 1, THEME[1], None),
            (4, 0, 1, THEME[1], None),
        ],
    )


def test_line_drawing_by_shift_out():
    spans, _ = draw("\x0eqx\x0fq")
    equal(places(spans), [(0, 0, "─│q")])


def test_other_sequences_are_no_text():
    spans, _ = draw("\x1b[2Ja\x1b[10;5Hb\x1b(Bc\x1b[?25ld\x07")
    equal(places(spans), [(0, 0, "abcd")])


def test_nothing_beyond_the_last_row():
    spans, _ = draw("a\nb\nc\nd\ne", rows=4)
    equal(spans[-1][2], "d")


def test_codes_that_are_cut_short():
    spans, _ = draw("\x1b[38ma\x1b[38;5mb\x1b[38;2;1mc\x1b[38;5;999md")
    equal("".join(span[2] for span in spans), "abcd")


if __name__ == "__main__":
    sys.exit(suite.run("capture", suite.tests_of(globals())))
