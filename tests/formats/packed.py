# SPDX-License-Identifier: BSD-2-Clause
"""The data of the html page, which are packed (src/report/packed.h). Also for tests/live."""

import base64
import gzip
import json

MARK = '<script type="text/plain" id="data">'


def place_of(page):
    """Where the packed data of a page begin and end."""
    start = page.index(MARK) + len(MARK)
    return start, page.index("</script>", start)


def unpack(data):
    return gzip.decompress(base64.b64decode(data)).decode()


def text_of(path):
    """The text of a file; of a page that of its data."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if MARK not in text:
        return text
    start, end = place_of(text)
    return unpack(text[start:end])


def unpacked(packed):
    """Objects that were written by columns (src/report/packed.h)."""
    rows = [{} for _ in range(packed["rows"])]
    for column in packed["columns"]:
        *outer, key = column["key"].split(".")
        total = 0
        for row, cell in zip(rows, column["rows"] if "values" in column else column["numbers"]):
            total = total + cell if column.get("is_rising") else cell
            if total != -1:
                place = row.setdefault(outer[0], {}) if outer else row
                place[key] = column["values"][total] if "values" in column else total
    return rows


def data_of(page):
    """The data of a page, with what it leaves out because it follows from the rest."""
    start, end = place_of(page)
    data = json.loads(unpack(page[start:end]))
    data["stalls"] = unpacked(data["stalls"])
    for stall in data["stalls"]:
        if "cpu_ns" not in stall:
            stall.update(dict.fromkeys(("cpu_ns", "blocked_ns", "gil_ns", "runqueue_ns"), 0))
            for cause, _, part in data["causes"]:
                stall[part] += stall["causes_ns"].get(cause, 0)
        stall["id"] = "%d:%d" % (stall["tid"], stall["start_ns"])
    return data
