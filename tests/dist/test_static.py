# SPDX-License-Identifier: BSD-2-Clause
"""The program without shared libraries, in a folder that has nothing else."""

import functools
import glob
import os
import pty
import re
import select
import shutil
import subprocess
import time

from places import BUILD, DYNAMIC, STATIC, Place, assert_works, scratch, service

MAX_BYTES = 6 * 1024 * 1024
# They load modules of the C library that the machine has.
NAME_SERVICES = re.compile(
    r"^(get(pw|gr)(nam|uid|gid|ent)(_r)?|initgroups|getgrouplist|getaddrinfo|getnameinfo"
    r"|gethostby\w+|dlopen|iconv_open)$"
)
FORMATS = "text json csv csv-stalls folded speedscope perfetto pprof html markdown".split()
SCREEN_SECONDS = 30
USERS = "root:x:0:0:root:/root:/bin/sh\n"


@functools.cache
def empty_root():
    place = Place("empty")
    shutil.copy(STATIC, os.path.join(place.root, "loopstall"))
    return place


def assert_needs_nothing(program):
    done = subprocess.run(["readelf", "-ldW", program], capture_output=True, text=True, check=True)
    assert "INTERP" not in done.stdout and "NEEDED" not in done.stdout, done.stdout
    # It runs as root: it is hardened as the other program is.
    assert "Elf file type is DYN" in done.stdout and "GNU_RELRO" in done.stdout
    assert "BIND_NOW" in done.stdout and not re.search(r"GNU_STACK.*RWE", done.stdout)


def test_needs_nothing():
    assert_needs_nothing(STATIC)


def assert_is_small(program):
    assert os.path.getsize(program) < MAX_BYTES, os.path.getsize(program)


def test_is_small():
    assert_is_small(STATIC)


def test_asks_no_name_service():
    """The linker would warn of our own calls, were it not told that libcap-ng has such calls. These
    files are not in the static program, nor is what loads a library."""
    objects = glob.glob(os.path.join(BUILD, "obj", "*", "*.o"))
    folders = set(os.listdir(os.path.join(BUILD, "..", "src")))
    objects = [o for o in objects if os.path.basename(os.path.dirname(o)) in folders]
    assert len(objects) > 100
    done = subprocess.run(["nm", "-Au", *objects], capture_output=True, text=True, check=True)
    callers = {
        os.path.basename(line.split(":")[0])
        for line in done.stdout.splitlines()
        if NAME_SERVICES.match(line.split()[-1])
    }
    assert callers == {"users.o", "library.o"}, callers


def test_works_in_an_empty_root():
    assert_works(empty_root().run, "/loopstall")


def test_reads_users_from_the_file():
    place, pid = empty_root(), str(service())

    def user():
        lines = place.run("/loopstall", "ls").stdout.splitlines()
        return next(line.split()[1] for line in lines if line.split()[0] == pid)

    assert user() == "0"
    etc = os.path.join(place.root, "etc")
    os.makedirs(etc)
    try:
        with open(os.path.join(etc, "passwd"), "w") as f:
            f.write(USERS)
        # A machine whose C library would load a module to answer.
        with open(os.path.join(etc, "nsswitch.conf"), "w") as f:
            f.write("passwd: systemd files\n")
        assert user() == "root"
    finally:
        shutil.rmtree(etc)


def screen(terminal, until, keys=b""):
    """Runs top on the service in a terminal of that type; returns what it wrote, and its exit
    code."""
    command = empty_root().terminal_command("/loopstall", "top", "-p", str(service()))
    process, fd = pty.fork()
    if process == 0:
        os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "TERM": terminal})
    text, end = b"", time.monotonic() + SCREEN_SECONDS
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            text += os.read(fd, 65536)
        except OSError:
            break
        if keys and until in text:
            os.write(fd, keys)
            keys = b""
    _, status = os.waitpid(process, 0)
    os.close(fd)
    return text, os.waitstatus_to_exitcode(status)


def test_dashboard_knows_usual_terminals():
    """The machine has no description of any; xterm's colours are seen."""
    for terminal in ("xterm-256color", "linux", "tmux-256color"):
        text, code = screen(terminal, b"main", b"q")
        assert code == 0 and b"main" in text, (terminal, code, text[-500:])
        assert b"\x1b[" in text


def test_dashboard_names_an_unknown_terminal():
    text, code = screen("no-such-terminal", b"")
    assert code and b"the terminal type 'no-such-terminal' is not known" in text, text


def test_reports_are_those_of_the_other_program():
    """One recording, made by the static program: the same bytes of both programs."""
    place = empty_root()
    place.run("/loopstall", "record", "-p", str(service()), "-d", "1s", "-o", "/stalls.ls")
    recording = os.path.join(scratch(), "stalls.ls")
    shutil.copy(os.path.join(place.root, "stalls.ls"), recording)
    for name in FORMATS:
        static = place.run("/loopstall", "report", "/stalls.ls", "-f", name, text=False).stdout
        done = subprocess.run(
            [DYNAMIC, "report", recording, "-f", name], capture_output=True, check=True
        )
        assert static and static == done.stdout, name
