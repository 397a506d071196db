#!/usr/bin/python3 -SB
# SPDX-License-Identifier: BSD-2-Clause
"""What a guest runs in place of an init, or as a service of systemd: live cases on its kernel, and
then it switches itself off.

The report goes to the serial line REPORT, in the words of the live tests. What goes wrong here goes
to the console. The kernel hands over those words of its command line that it does not know: REPORT;
VERBOSE=1; CASES, which are all if it is missing; MORE=1; MANAGED=1, if systemd is the init; STATIC,
the program without shared libraries if there is one; and TRANSPORT, which is how probes are
expected to be attached. Programs and tests lie below / as they do below the source tree.
"""

import ctypes
import os
import sys

sys.path[:0] = ["/tests/live", "/tests/live/programs", "/tests/kernels"]

FILE_SYSTEMS = (
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tracefs", "/sys/kernel/tracing"),
)
# In this order: after without_btf nothing can be loaded any more.
CASES = (
    "kernel.attaches_as_doctor_says",
    "counts.loop_before_attach",
    "truth.main",
    "truth.loop_after_attach",
    "truth.runqueue",
    "light.main",
    "groups.limits",
    "kernel.capabilities",
    "kernel.without_btf",
)
# Besides, where MORE=1 is given: on the loop behind the slash.
MORE = (
    "truth.main/uvloop",
    "truth.loop_after_attach/uvloop",
    "safety.greenlet_in_steps",
    "safety.loop_in_greenlet/uvloop",
)
# In place of all these, where MANAGED=1 is given.
MANAGED = ("systemd.serves", "systemd.records")
POWER_OFF = 0x4321FEDC  # linux: include/uapi/linux/reboot.h


def prepare(libc):
    for kind, folder in () if os.environ.get("MANAGED") else FILE_SYSTEMS:
        if libc.mount(kind.encode(), folder.encode(), kind.encode(), 0, None):
            raise OSError(ctypes.get_errno(), "mount", folder)
    os.environ.update(
        PATH="/usr/bin", PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8", LOOPSTALL="/build/loopstall"
    )
    sys.stdout = open(
        os.environ["REPORT"], "w", buffering=1, encoding="ascii", errors="backslashreplace"
    )


def all_cases():
    if os.environ.get("MANAGED"):
        return MANAGED
    return CASES[:-1] + MORE + CASES[-1:] if os.environ.get("MORE") else CASES


def run_cases():
    import interpreters
    import lib
    import peer
    import test_counts  # noqa: F401 (fills lib.CASES)
    import test_groups  # noqa: F401
    import test_kernel  # noqa: F401
    import test_light  # noqa: F401
    import test_safety  # noqa: F401
    import test_truth  # noqa: F401

    if os.environ.get("MANAGED"):
        import test_systemd  # noqa: F401
    else:
        peer.bring_loopback_up()
    runner = lib.Runner(bool(os.environ.get("VERBOSE")))
    python = interpreters.Interpreter(
        {
            "path": os.path.realpath(sys.executable),
            "version": sys.version_info[:3],
            "has_gil": True,
        },
        "system",
    )
    known = {case.name: case for case in lib.CASES}
    print("booted %s" % os.uname().release)
    cases = os.environ.get("CASES", "").split() or all_cases()
    # As in the live tests: the case, and its loop if that is not asyncio.
    started = [(n, known[n.split("/")[0]], python, (n + "/asyncio").split("/")[1]) for n in cases]
    for case in [case for case in started if not runner.run(*case)]:
        runner.run_again(*case)
    print("%d passed, %d failed, %d skipped" % (runner.passed, runner.failed, runner.skipped))


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        prepare(libc)
        run_cases()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    os.sync()
    libc.reboot(POWER_OFF)


if __name__ == "__main__":
    main()
