# SPDX-License-Identifier: BSD-2-Clause
"""What a target can do to whoever looks at it: cost a bounded time, and nothing else."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import stat
import struct
import subprocess
import time
import unicodedata

from lib import TOOL, Skip, check, check_equal, live, run_tool
from proc_facts import cpu_wait_s_of
from terminal import terminal_of

MIB = 1 << 20
IN_OPEN, IN_NONBLOCK, IN_CLOEXEC = 0x20, 0o4000, 0o2000000
# Far more than it takes, and far less than it took: these machines are busy.
SOON_S = 5.0
# From a signal or q to the end of the program, without the time that it waits for a CPU. When its
# probes are removed, it also waits for other threads of a busy machine: one try of three counts.
OBEYED_S = 0.2
TRIES = 3

# Maps its files and waits. No Python: what is mapped is all that speaks of one.
MAPPER = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (mmap(0, 4096, PROT_READ, MAP_PRIVATE, open(argv[i], O_RDONLY), 0) == MAP_FAILED)
			return 1;
	puts("ready");
	fflush(stdout);
	pause();
}
"""


def _build_mapper(bench):
    program = os.path.join(bench.folder, "mapper")
    subprocess.run(["gcc", "-x", "c", "-o", program, "-"], input=MAPPER.encode(), check=True)
    return program


def _start_mapper(bench, *paths):
    mapper = bench.start([_build_mapper(bench), *paths])
    check_equal(mapper.read_line(), b"ready\n", "the first line of the mapper")
    return mapper


def _library(folder):
    return os.path.join(folder, "libpython3.11.so.1.0")


def _elf(path, names, sections, size, fill=()):
    """A sparse ELF file with one segment.

    Its sections are (name, type, flags, offset, bytes, link, bytes of an entry).
    """
    table = b"\0" + b"\0".join(names) + b"\0"
    at = {name: table.index(b"\0" + name + b"\0") + 1 for name in names}
    rows = [(b"", 0, 0, 0, 0, 0, 0)] + sections + [(names[-1], 3, 0, 1024, len(table), 0, 0)]
    with open(path, "wb") as file:
        file.truncate(size)
        file.write(
            b"\x7fELF"
            + bytes([2, 1, 1, 0])
            + bytes(8)
            + struct.pack(
                "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 4096, 0, 64, 56, 1, 64, len(rows), len(rows) - 1
            )
        )
        file.write(struct.pack("<IIQQQQQQ", 1, 6, 0, 0, 0, 4096, 4096, 4096))
        file.seek(1024)
        file.write(table)
        file.seek(4096)
        for name, kind, flags, offset, length, link, entry in rows:
            file.write(
                struct.pack(
                    "<IIQQQQIIQQ",
                    at.get(name, 0),
                    kind,
                    flags,
                    0,
                    offset,
                    length,
                    link,
                    0,
                    1,
                    entry,
                )
            )
        for offset, content in fill:
            file.seek(offset)
            file.write(content)


RUNTIME = (b".PyRuntime", 1, 3, 0, 4096, 0, 0)


def _names_without_end(path, mib=16):
    """As many symbols as there is room for, all with one name, which ends nowhere."""
    symbol = struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 4096, 16)
    start = MIB, (1 + mib) * MIB
    _elf(
        path,
        [b".dynsym", b".dynstr", b".PyRuntime", b".shstrtab"],
        [
            (b".dynsym", 11, 2, start[0], mib * MIB // 24 * 24, 2, 24),
            (b".dynstr", 3, 2, start[1], mib * MIB, 0, 0),
            RUNTIME,
        ],
        (2 + 2 * mib) * MIB,
        [(start[0], symbol * (mib * MIB // 24)), (start[1], b"A" * (mib * MIB))],
    )


def _relocations_on_top_of_each_other(path):
    rows = [(b".rela", 4, 2, 8 * MIB, 60 * MIB, 0, 24)] * 60
    _elf(path, [b".rela", b".PyRuntime", b".shstrtab"], rows + [RUNTIME], 70 * MIB)


def _innocent(bench):
    target = bench.target("steady.py")
    return target, target.hear("ready")["pid"]


def _check_listed(bench, pid):
    """`ls` shows the innocent process, soon. What it says besides."""
    began = time.monotonic()
    code, output, errors = run_tool(bench, "ls", json_output=True)
    check_equal(code, 0, "exit code of ls (%s)" % errors)
    check(b'"pid":%d' % pid in output.replace(b" ", b""), "ls does not list %d: %r", pid, output)
    took = time.monotonic() - began
    check(took < SOON_S, "ls took %.1f s", took)
    bench.note("ls took %.2f s" % took)
    return errors


def _check_examined(bench, path, words):
    target, pid = _innocent(bench)
    mapper = _start_mapper(bench, path)
    errors = _check_listed(bench, pid)
    check(
        words in errors and "process %d" % mapper.pid in errors,
        "ls does not say what it left out: %r",
        errors,
    )
    code, output, errors = run_tool(bench, "doctor", "-p", str(mapper.pid))
    check_equal(code, 3, "exit code of doctor (%s)" % errors)
    check(words.encode() in output, "doctor does not say why: %r", output)
    code, _, errors = run_tool(bench, "trace", "-d", "50ms", "-p", str(mapper.pid))
    check_equal(code, 3, "exit code of trace (%s)" % errors)
    check(words in errors, "trace does not say why: %r", errors)
    target.finish()


@live(on="once")
def elf_names_without_end(bench):
    """16 + 16 MiB took ten minutes for each name that was looked for. Now it has none."""
    _names_without_end(_library(bench.folder))
    target, pid = _innocent(bench)
    _start_mapper(bench, _library(bench.folder))
    _check_listed(bench, pid)
    target.finish()


@live(on="once")
def elf_sections_without_end(bench):
    """60 sections over the same bytes took 4 GiB of memory."""
    _relocations_on_top_of_each_other(_library(bench.folder))
    _check_examined(bench, _library(bench.folder), "needs more than 64 MiB of memory")


class _Watch:
    """Whether anybody opens a file."""

    def __init__(self, path):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
        check(
            self._libc.inotify_add_watch(self.fd, path.encode(), IN_OPEN) >= 0,
            "inotify: %d",
            ctypes.get_errno(),
        )

    def has_event(self):
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self.fd, 4096))
        return False

    def close(self):
        os.close(self.fd)


def _device(bench):
    device = os.path.join(bench.folder, "device")
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    return device


def _check_watched(watch, device):
    """The watch does see a device that is opened."""
    with contextlib.suppress(OSError), open(device, "rb"):
        pass
    check(watch.has_event(), "the test does not see a device that is opened")
    watch.close()


@live(on="once")
def no_device_is_opened(bench):
    """A library that looks like an interpreter; the module beside it is a link to a device."""
    folder = os.path.join(bench.folder, "lib")
    modules = os.path.join(folder, "python3.11", "lib-dynload")
    os.makedirs(modules)
    device = _device(bench)
    os.symlink(device, os.path.join(modules, "_asyncio.cpython-311-x86_64-linux-gnu.so"))
    _elf(_library(folder), [b".PyRuntime", b".shstrtab"], [RUNTIME], MIB)
    mapper = _start_mapper(bench, _library(folder))
    watch = _Watch(device)
    _, output, _ = run_tool(bench, "doctor", "-p", str(mapper.pid))
    run_tool(bench, "ls")
    check(not watch.has_event(), "the device was opened")
    check(
        b"it is a device" in output, "doctor does not say why the module cannot be read: %r", output
    )
    _check_watched(watch, device)


# Mounts a device over the file that the program has mapped, where only that program sees it.
MOUNTED_OVER = """
import os, subprocess, sys
device, library, mapper = sys.argv[1:]
child = subprocess.Popen([mapper, library], stdout=subprocess.PIPE)
child.stdout.readline()
subprocess.run(["mount", "--bind", device, library], check=True)
print(child.pid, flush=True)
child.wait()
"""


@live(on="once")
def no_device_is_opened_where_a_library_was(bench):
    """The path of a mapped file need not lead to that file any more."""
    device, folder = _device(bench), os.path.join(bench.folder, "lib")
    os.mkdir(folder)
    _elf(_library(folder), [b".PyRuntime", b".shstrtab"], [RUNTIME], MIB)
    mounted = bench.start(
        ["unshare", "-m", "/usr/bin/python3", "-c", MOUNTED_OVER]
        + [device, _library(folder), _build_mapper(bench)]
    )
    pid = mounted.read_line().decode().strip()
    watch = _Watch(device)
    run_tool(bench, "doctor", "-p", pid)
    run_tool(bench, "trace", "-d", "50ms", "-p", pid)
    run_tool(bench, "ls")
    check(not watch.has_event(), "the device was opened")
    _check_watched(watch, device)
    os.kill(int(pid), signal.SIGKILL)


@live(on="once", until=(3, 13))
def tasks_that_are_expensive_to_read(bench):
    """It took hours, deaf to every signal but SIGKILL."""
    innocent, pid = _innocent(bench)
    target = bench.target("hostile_tasks.py", "20000")
    target.hear("ready")
    errors = _check_listed(bench, pid)
    check(
        "process %d are not counted" % target.pid in errors,
        "ls does not say what it left out: %r",
        errors,
    )
    for mode in ("light", "exact"):

        def start(mode=mode):
            tool = bench.tool("trace", "--mode", mode, "-p", str(target.pid))
            tool.wait_start()
            time.sleep(0.5)
            return tool

        _check_ends(bench, start, signal.SIGTERM, (0, 3, 4))
    innocent.finish()


def _end(bench, tool, number):
    """The exit code, and how long it took."""
    began = time.monotonic() - cpu_wait_s_of(tool.pid)
    tool.signal(number)
    code = tool.wait(SOON_S)
    took = tool.ended - tool.cpu_wait_s - began
    bench.note("it ended after %.0f ms" % (1e3 * took))
    return code, took


def _check_ends(bench, start, number, codes):
    """What `start` starts ends soon by the signal. Returns its last run."""
    for _ in range(TRIES):
        tool = start()
        code, took = _end(bench, tool, number)
        check(code in codes, "exit code %d (%s)", code, tool.stderr)
        if took < OBEYED_S:
            return tool
    check(False, "it took %.0f ms to end", 1e3 * took)


F_SETPIPE_SZ = 1031
PIPE_BYTES = 1 << 20


def _blocked(bench, number):
    """Stalls without end into a pipe that nobody reads, and a signal."""
    target, pid = _innocent(bench)
    ends = []

    def start():
        ends.extend(os.pipe())
        # As large as loopstall would make it for a late reader, and nearly full.
        fcntl.fcntl(ends[-1], F_SETPIPE_SZ, PIPE_BYTES)
        os.write(ends[-1], bytes(PIPE_BYTES - (64 << 10)))
        tool = bench.start(
            [os.path.abspath(TOOL), "trace", "--json", "--threshold", "100us", "-p", str(pid)],
            stdout=ends[-1],
        )
        deadline = time.monotonic() + 20
        while not _is_in_poll(tool.pid, ends[-1]):
            check(time.monotonic() < deadline, "the pipe does not become full")
            time.sleep(0.1)
        return tool

    tool = _check_ends(bench, start, number, (4,))
    check(
        "nobody read the output" in tool.stderr,
        "it does not say that output is lost: %r",
        tool.stderr,
    )
    for end in ends:
        os.close(end)
    target.finish()


def _is_in_poll(pid, write_end):
    """Whether the pipe is full."""
    poll = subprocess.run(
        [
            "/usr/bin/python3",
            "-c",
            "import select, sys; p = select.poll(); "
            "p.register(%d, select.POLLOUT); "
            "sys.exit(not p.poll(0))" % write_end,
        ],
        pass_fds=[write_end],
        check=False,
    )
    return poll.returncode == 1 and os.path.exists("/proc/%d" % pid)


@live(on="once")
def sigterm_while_nobody_reads(bench):
    _blocked(bench, signal.SIGTERM)


@live(on="once")
def sigint_while_nobody_reads(bench):
    _blocked(bench, signal.SIGINT)


# Mounts a file system that never answers where only the program it becomes sees it.
DEAD_MOUNT = """
import ctypes, os, sys
fd = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(fd, True)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if ctypes.CDLL(None).mount(b"dead", sys.argv[1].encode(), b"fuse.dead", 0, options):
    sys.exit("no mount")
os.execv(sys.argv[2], sys.argv[2:])
"""


def _start_on_dead_mount(bench):
    """A library that looks like an interpreter; the module beside it is on a dead server."""
    if not os.path.exists("/dev/fuse"):
        raise Skip("there is no /dev/fuse")
    folder = os.path.join(bench.folder, "lib")
    modules = os.path.join(folder, "python3.11", "lib-dynload")
    dead = os.path.join(bench.folder, "dead")
    os.makedirs(modules)
    os.mkdir(dead)
    os.symlink(dead + "/file", os.path.join(modules, "_asyncio.cpython-311-any.so"))
    _elf(_library(folder), [b".PyRuntime", b".shstrtab"], [RUNTIME], MIB)
    program = _build_mapper(bench)
    mapper = bench.start(
        [
            "unshare",
            "-m",
            "/usr/bin/python3",
            "-c",
            DEAD_MOUNT,
            dead,
            program,
            _library(folder),
        ]
    )
    check_equal(mapper.read_line(), b"ready\n", "the first line of the mapper")
    return mapper


def _start_tool(bench, words, delay_s):
    tool = bench.start([os.path.abspath(TOOL), *words])
    time.sleep(delay_s)
    return tool


def _check_stuck_ends(bench, args, number, code):
    def start():
        tool = _start_tool(bench, args, 2.0)
        check(tool.is_alive(), "it is not stuck: %r", tool.stderr)
        return tool

    return _check_ends(bench, start, number, (code,)).stderr


@live(on="once")
def file_system_that_does_not_answer(bench):
    mapper = _start_on_dead_mount(bench)
    pid = str(mapper.pid)
    # Behind it in the list.
    target, innocent = _innocent(bench)
    errors = _check_listed(bench, innocent)
    check("process %s is not examined" % pid in errors, "ls does not say it: %r", errors)
    target.finish()
    for words, number in (
        (["-p", pid], signal.SIGTERM),
        (["-p", pid], signal.SIGINT),
        (["-n", _library(os.path.join(bench.folder, "lib"))], signal.SIGTERM),
    ):
        errors = _check_stuck_ends(bench, ["trace", *words], number, 4)
        check("does not answer" in errors, "it does not say what happened: %r", errors)
    _check_stuck_ends(bench, ["doctor", "-p", pid], signal.SIGTERM, -signal.SIGTERM)


@live(on="once")
def signals_while_it_works(bench):
    """At each moment of a short measurement, and of one that is begun."""
    target, pid = _innocent(bench)
    for number in (signal.SIGINT, signal.SIGTERM):
        for delay_s in (0.05, 0.1, 0.2, 0.3, 0.6):
            with bench.part("%s-%d-ms" % (number.name, 1e3 * delay_s)):
                words = ("trace", "-p", str(pid))
                tool = _check_ends(
                    bench,
                    lambda d=delay_s, words=words: _start_tool(bench, words, d),
                    number,
                    (0, 3, 4, -number),
                )
                check("no event loop" not in tool.stderr, "it is not known: %s", tool.stderr)
    target.finish()


@live(on="once")
def signals_while_it_examines(bench):
    """What takes a long time to find out about a process, and a signal in the middle of it."""
    _names_without_end(_library(bench.folder))
    mapper = _start_mapper(bench, _library(bench.folder))
    mapped = bench.target("mappings.py", "60000")
    mapped.hear("ready")
    for pid in (mapper.pid, mapped.pid):
        for words in (("trace", "-p"), ("dump", "-p"), ("doctor", "-p")):
            for number in (signal.SIGINT, signal.SIGTERM):
                with bench.part("%s-%d-%s" % (words[0], pid == mapped.pid, number.name)):
                    args = (*words, str(pid))
                    _check_ends(
                        bench,
                        lambda args=args: _start_tool(bench, args, 0.03),
                        number,
                        (0, 3, 4, -number),
                    )
    for number in (signal.SIGINT, signal.SIGTERM):
        with bench.part("ls-%s" % number.name):
            _check_ends(bench, lambda: _start_tool(bench, ("ls",), 0.1), number, (0, -number))


@live(on="once")
def source_without_end(bench):
    """The dashboard shows source lines; this file has one line, of 1 TiB."""
    source = os.path.join(bench.folder, "endless.py")
    with open(source, "w") as file:
        file.truncate(1 << 40)
    target = bench.target("endless_source.py", source)
    target.hear("ready")
    for number in (None, signal.SIGTERM):
        with terminal_of(bench) as terminal:
            terminal.run("top", "-p", str(target.pid))
            terminal.wait(r"stall\b")
            terminal.keys("Enter")
            terminal.wait("endless.py:")
            began = time.monotonic()
            if number:
                os.kill(terminal.tool_pid(), number)
            else:
                terminal.keys("q")
            terminal.wait_end(0)
            took = time.monotonic() - began
            check(took < SOON_S, "it took %.2f s to end", took)
            bench.note("it ended after %.2f s" % took)
    target.signal(signal.SIGKILL)


# Half of the pids of a machine as it comes.
THREADS = 16_000


@live(on="once", lane="alone")
def thousands_of_threads(bench):
    count = int(os.environ.get("HOSTILE_THREADS", THREADS))
    target = bench.target("many_threads.py", str(count))
    target.hear("ready", timeout=120)
    pid = str(target.pid)
    began = time.monotonic()
    code, output, errors = run_tool(bench, "dump", "-p", pid, timeout=SOON_S)
    bench.note("dump took %.2f s" % (time.monotonic() - began))
    check_equal(code, 0, "exit code of dump (%s)" % errors)
    for words in (b"loop of thread %d (MainThread)" % target.pid, b"not all were read"):
        check(words in output, "dump does not say %r: %r", words, output)
    _check_listed(bench, target.pid)
    code, _, errors = run_tool(bench, "doctor", "-p", pid, timeout=SOON_S)
    check_equal(code, 0, "exit code of doctor (%s)" % errors)
    tool = bench.tool("trace", "--threshold", "20ms", "-p", pid)
    tool.wait_start()
    tool.read_until(lambda tool: tool.stalls)
    code, took = _end(bench, tool, signal.SIGTERM)
    check(took < SOON_S, "trace took %.2f s to end", took)
    check_equal(code, 0, "exit code of trace (%s)" % tool.stderr)
    target.finish(timeout=60)


# What turns the direction of text, and what ends a line without being a line feed.
SHAPING = "\u200e\u200f\u061c\u2028\u2029"


def _check_plain(output, what):
    """No character of it does anything to who shows it."""
    for line in output.decode().split("\n"):
        for char in line:
            is_active = unicodedata.category(char) in ("Cc", "Cs") or (
                unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF")
                or unicodedata.bidirectional(char) in ("LRI", "RLI", "FSI", "PDI")
                or char in SHAPING
            )
            check(not is_active, "%s: U+%04X in %r", what, ord(char), line[:200])
        check(not line.startswith("::"), "%s: a line that a CI obeys: %r", what, line[:200])


@live(lane="beside")
def names_that_attack_what_shows_them(bench):
    target = bench.target("hostile_names.py")
    tasks = target.hear("ready")["tasks"]
    pid = str(target.pid)
    for args in (
        ("trace", "-v", "-d", "1s", "--threshold", "10ms", "-p", pid),
        ("dump", "-p", pid),
        ("doctor", "-p", pid),
        ("ls",),
        ("check", "-d", "1s", "--max-step", "5ms", "-p", pid),
    ):
        code, output, errors = run_tool(bench, *args)
        check(code in (0, 1), "exit code %d of %s (%s)", code, args[0], errors)
        _check_plain(output, args[0])
        _check_plain(errors.encode(), args[0] + ", stderr")
    code, output, errors = run_tool(
        bench, "trace", "-d", "1s", "--threshold", "10ms", "-p", pid, json_output=True
    )
    check_equal(code, 0, "exit code of trace --json (%s)" % errors)
    _check_plain(output, "trace --json")
    records = [json.loads(line) for line in output.decode().splitlines()]
    # Not each callback that a busy host makes a stall of has a name.
    stalls = [r for r in records if r["type"] == "stall" and r["coroutine"]]
    named = {stall["coroutine"]["name"] for stall in stalls}
    check(len(named) >= tasks - 1, "%d names of %d tasks: %r", len(named), tasks, named)
    target.signal(signal.SIGKILL)
