# SPDX-License-Identifier: BSD-2-Clause
"""How a case says what it expects."""

import time


class Skip(Exception):
    """The case cannot run here; the text says why."""


def check(condition, message, *args):
    if not condition:
        raise AssertionError(message % args if args else message)


def check_equal(got, wanted, what):
    check(got == wanted, "%s is %r, expected %r", what, got, wanted)


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, "not within %g s: %s", seconds, what)
        time.sleep(0.02)
