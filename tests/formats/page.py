# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the html page share: its data, its tables, pages with other data."""

import base64
import gzip
import json
import os
import tempfile

import packed
from lib import path, text

URL = "file://" + path("html")
BEGIN_NS = 123450000000000  # of the run (golden.h)


def column(browser, table, name):
    """The texts of a column, from top to bottom."""
    return browser.run(
        """(() => {
        const t = document.querySelector('#table-%s');
        const i = [...t.tHead.rows[0].cells]
            .findIndex((c) => c.querySelector('[data-column="%s"]'));
        return [...t.tBodies[0].rows].map((r) => r.cells[i].textContent);
    })()"""
        % (table, name)
    )


def milliseconds(ns):
    """A duration of 10 to 999 ms, as the page shows it."""
    ms = ns / 1e6
    return "%.1f ms" % ms if ms < 100 else "%.0f ms" % ms


class Changed:
    """The page with its data changed by change(data), which has the stalls still packed."""

    def __init__(self, change):
        page = text("html")
        start, end = packed.place_of(page)
        data = json.loads(packed.unpack(page[start:end]))
        change(data)
        new = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
        with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False) as file:
            file.write(page[:start] + new + page[end:])
        self.name = file.name

    def __enter__(self):
        return "file://" + self.name

    def __exit__(self, *_):
        os.unlink(self.name)
