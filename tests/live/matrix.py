# SPDX-License-Identifier: BSD-2-Clause
"""Which case ran on which interpreter and loop, and how it ended: one table."""

_LOOPS = ("asyncio", "uvloop")


class Matrix:
    """A row a case that runs on each interpreter, a column an interpreter with a loop. A cell
    counts the parts of the case."""

    def __init__(self, pythons):
        self._columns = [(python.label, loop) for python in pythons for loop in _LOOPS]
        self._pythons = {python.label: python for python in pythons}
        self._cells = {}  # {(case name, label, loop): (passed, failed, skipped)}
        self._cases = {}  # {case name: Case}, in the order they ran

    def add(self, _name, case, python, loop, result):
        if case.on == "each":
            self._cases[case.name] = case
            self._cells[case.name, python.label, loop] = result

    def _reason(self, case, label, loop):
        """Why the case has no result there."""
        python = self._pythons[label]
        if loop not in case.loops:
            return "only on " + case.loops[0]
        if loop not in python.loops():
            return "no %s for this interpreter" % loop
        return case.lacks(python) or "not run"

    def _cell(self, name, label, loop, reasons):
        result = self._cells.get((name, label, loop))
        if result is None:
            reason = self._reason(self._cases[name], label, loop)
            return chr(ord("a") + reasons.setdefault(reason, len(reasons)))
        passed, failed, skipped = result
        return "%d%s%s" % (
            passed,
            " FAIL %d" % failed if failed else "",
            " skip %d" % skipped if skipped else "",
        )

    def _rows(self):
        """The head, the rows, and the reasons by their letter."""
        columns = [c for c in self._columns if any(c == key[1:] for key in self._cells)]
        head = ["parts passed"] + ["%s %s" % column for column in columns]
        reasons = {}
        rows = [
            [name] + [self._cell(name, *column, reasons) for column in columns]
            for name in self._cases
        ]
        return head, rows, ["%s: %s" % (chr(ord("a") + i), reason) for reason, i in reasons.items()]

    def print(self, file):
        head, rows, reasons = self._rows()
        if not rows:
            return
        # The names of the columns stand one below the other: side by side they would not fit.
        width = max(len(row[0]) for row in rows)
        widths = [max(len(row[i]) for row in rows) for i in range(1, len(head))]
        print("\nmatrix, columns from the left: %s" % ", ".join(head[1:]), file=file)
        for row in rows:
            cells = (cell.rjust(width) for cell, width in zip(row[1:], widths))
            print("%s  %s" % (row[0].ljust(width), "  ".join(cells)), file=file)
        for reason in reasons:
            print("  " + reason, file=file)

    def write_markdown(self, file):
        head, rows, reasons = self._rows()
        for cells in [head, ["---"] * len(head)] + rows:
            print("| %s |" % " | ".join(cells), file=file)
        print("\n%s" % "; ".join(reasons), file=file)
