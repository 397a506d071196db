# SPDX-License-Identifier: BSD-2-Clause
"""What cannot work is refused with one line that names the problem, and with the right exit
code."""

import os
import re
import shutil
import struct
import subprocess
import time

import interpreters
from lib import TOOL, Skip, check, check_equal, live, run_tool

USAGE, CANNOT_ATTACH = 2, 3


def _refused(bench, args, code, *words, **options):
    """Exit code, silence on stdout, one line on stderr with all words in it (any case)."""
    got, output, errors = run_tool(bench, *args, **options)
    lines = errors.splitlines()
    check_equal(got, code, "exit code of %s (%s)" % (" ".join(args), errors.strip()))
    check_equal(output, b"", "stdout of %s" % " ".join(args))
    check_equal(len(lines), 1, "lines of stderr %r" % errors)
    for word in words:
        check(re.search(word, lines[0], re.I), "%r is not in %r", word, lines[0])
    return lines[0]


def _free_pid():
    pid = 1 << 21
    while os.path.exists("/proc/%d" % pid):
        pid += 1
    return pid


def _sleeper(bench):
    """A Python without a loop."""
    return bench.start(
        [*bench.python.command, "-c", "import time; time.sleep(60)"], env=bench.python.env
    )


@live(on="once")
def no_such_process(bench):
    pid = str(_free_pid())
    _refused(bench, ["trace", "-p", pid], CANNOT_ATTACH, pid, "no process|no such process")


@live(on="once")
def few_files_may_be_open(bench):
    """Wherever the limit is reached, it is named."""
    target = bench.target("workers.py", bench.folder)
    target.hear("ready")
    for most in (6, 12, 20, 40):
        _refused(
            bench,
            ["trace", "-p", str(target.pid), "-d", "1s"],
            CANNOT_ATTACH,
            "at most %d files may be open here: raise" % most,
            wrap=["prlimit", "--nofile=%d:%d" % (most, most)],
        )


@live(on="once")
def started_command_keeps_its_limit(bench):
    """We raise our own; the command has the one that we were started with."""
    path = os.path.join(bench.folder, "limit")
    program = "import resource; open(%r, 'w').write(str(resource.getrlimit(7)))" % path
    run_tool(
        bench,
        *["trace", "--", *bench.python.command, "-c", program],
        wrap=["prlimit", "--nofile=300:400"],
        env=bench.python.env,
    )
    with open(path, encoding="ascii") as file:
        check_equal(file.read(), "(300, 400)", "limits on open files of the command")


@live(on="once")
def no_such_name(bench):
    _refused(
        bench,
        ["trace", "-n", "no-process-is-called-thus"],
        CANNOT_ATTACH,
        "no-process-is-called-thus",
    )


@live(on="once")
def not_a_python(bench):
    sleeper = bench.start(["sleep", "60"])
    time.sleep(0.1)
    _refused(bench, ["trace", "-p", str(sleeper.pid)], CANNOT_ATTACH, str(sleeper.pid), "python")


@live(on="once")
def kernel_thread(bench):
    """Has no program at all."""
    for pid in (p for p in os.listdir("/proc") if p.isdigit()):
        with open("/proc/%s/stat" % pid) as file:
            flags = int(file.read().rsplit(")", 1)[1].split()[6])
        if flags & 0x00200000:
            break
    else:
        raise Skip("no kernel thread is visible here")
    _refused(bench, ["trace", "-p", pid], CANNOT_ATTACH, pid)


@live(on="once")
def pypy(bench):
    """Known by its name: a stand-in does."""
    path = os.path.join(bench.folder, "pypy3.9")
    shutil.copy(shutil.which("sleep"), path)
    process = bench.start([path, "60"])
    time.sleep(0.1)
    _refused(bench, ["trace", "-p", str(process.pid)], CANNOT_ATTACH, str(process.pid), "pypy")


def _tiny_32_bit_program(path):
    """An i386 ELF that calls pause() for ever."""
    code = b"\xb8\x1d\x00\x00\x00\xcd\x80\xeb\xf7"
    base, size = 0x08048000, 52 + 32
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    head = ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + size, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack(
        "<IIIIIIII", 1, 0, base, base, size + len(code), size + len(code), 5, 4096
    )
    with open(path, "wb") as file:
        file.write(head + segment + code)
    os.chmod(path, 0o755)


@live(on="once")
def thirty_two_bits(bench):
    path = os.path.join(bench.folder, "python3")
    _tiny_32_bit_program(path)
    try:
        process = bench.start([path])
    except OSError:
        raise Skip("this kernel runs no 32-bit programs")
    time.sleep(0.1)
    check(process.is_alive(), "the program ended")
    _refused(bench, ["trace", "-p", str(process.pid)], CANNOT_ATTACH, str(process.pid), "32.bit")


def _old_python_stand_in(folder):
    """A program that looks like a CPython 3.7 from outside: its name and the runtime's symbol."""
    path = os.path.join(folder, "python3.7")
    source = "#include <unistd.h>\nchar _PyRuntime[4096];\nint main(void) { return pause(); }\n"
    subprocess.run(
        ["cc", "-rdynamic", "-x", "c", "-", "-o", path], input=source.encode(), check=True
    )
    return [path]


@live(on="once")
def unsupported_version(bench):
    """An old Python is refused by its number; where none is installed, a stand-in does."""
    old = interpreters.find_unsupported()
    if old is None:
        command, version = _old_python_stand_in(bench.folder), "3.7"
    else:
        command, version = [old[0], "-c", "import asyncio, time; time.sleep(60)"], old[1]
    process = bench.start(command)
    time.sleep(0.3)
    _refused(bench, ["trace", "-p", str(process.pid)], CANNOT_ATTACH, str(process.pid), version)


@live()
def python_without_loop(bench):
    """It is waited for until the time is up, and then said."""
    sleeper = _sleeper(bench)
    time.sleep(0.3)
    begun = time.monotonic()
    code, _, errors = run_tool(bench, "trace", "-p", str(sleeper.pid), "-d", "1s", json_output=True)
    check_equal(code, CANNOT_ATTACH, "exit code (%s)" % errors)
    check(time.monotonic() - begun >= 1.0, "it did not wait")
    check(re.search("loop|asyncio|step", errors), "it does not say why: %r", errors)
    check(sleeper.is_alive(), "the target died")


@live(on="once")
def zombie(bench):
    parent = bench.start(
        [
            *bench.python.command,
            "-u",
            "-c",
            (
                "import os, time\npid = os.fork()\nif pid == 0: os._exit(0)\n"
                "time.sleep(.2); print(pid); time.sleep(60)"
            ),
        ]
    )
    pid = parent.read_line().decode().strip()
    _refused(bench, ["trace", "-p", pid], CANNOT_ATTACH, pid, "zombie|ended|exited")


@live(on="once")
def bad_options(bench):
    pid = str(os.getpid())
    for args, *words in (
        (["trace", "-p", pid, "--threshold", "10"], "threshold|10", "unit|ms"),
        (["trace", "-p", pid, "--threshold", "0ms"], "0ms|threshold"),
        (["trace", "-p", pid, "--threshold", "-5ms"], "-5ms"),
        (["trace", "-p", pid, "--threshold", "10parsecs"], "parsecs"),
        (["trace", "-p", pid, "--threshold", ""], "."),
        (["trace", "-p", pid, "--threshold", "99999999999999999999s"], "99999999999999999999s"),
        (["trace", "-p", pid, "-d", "10"], "10", "unit|ms|s"),
        (["trace", "-p", pid, "--no-such-option"], "no-such-option"),
        (["trace", "-p", pid, "--mode", "magic"], "magic"),
        (["trace", "-p", pid, "-d"], "-d"),
        (["trace", "-p", "abc"], "abc"),
        (["trace", "-p", "0"], "0"),
        (["trace", "-p", "-1"], "-1"),
        (["trace", "-p", "99999999999999999999"], "99999999999999999999"),
        (["trace", "-p", ""], "pid"),
        (["trace", "-p", pid + ","], pid),
        (["trace"], "-p|target"),
        (["trace", "-p", pid, "-n", "x"], "target|-n|one"),
        (["trace", "--"], "command|--"),
        (["trace", "-p", pid, "stray"], "stray"),
        (["frobnicate"], "frobnicate"),
        ([], "command"),
    ):
        with bench.part(" ".join(["loopstall"] + [a.replace(pid, "PID") for a in args])):
            _refused(bench, args, USAGE, *words)


def _public_tool(bench):
    """A copy that other users can run."""
    path = os.path.join(bench.folder, "loopstall")
    shutil.copy(TOOL, path)
    os.chmod(path, 0o755)
    return path


def _as_nobody(bench, pid, *extra):
    """Runs the tool on a process as the user nobody. Returns (exit code, stderr)."""
    command = (
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        + list(extra)
        + [_public_tool(bench), "trace", "-p", str(pid), "-d", "500ms"]
    )
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=15, cwd="/"
    )
    check_equal(done.stdout, b"", "stdout")
    return done.returncode, done.stderr.decode()


@live(on="once")
def no_privilege(bench):
    """Another user's process, and no capability: the missing ones are named."""
    target = bench.target("steady.py")
    pid = target.hear("ready")["pid"]
    code, errors = _as_nobody(bench, pid)
    check_equal(code, CANNOT_ATTACH, "exit code (%s)" % errors)
    check_equal(len(errors.splitlines()), 1, "lines of stderr %r" % errors)
    check(re.search("CAP_[A-Z_]+", errors, re.I), "no capability is named: %r", errors)
    target.finish()


@live(on="once")
def no_privilege_on_own_process(bench):
    """Even one's own process needs them; a process one may read makes no difference."""
    own = bench.start(
        [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            bench.python.path,
            "-c",
            "import asyncio; asyncio.run(asyncio.sleep(60))",
        ],
        env=bench.python.env,
        cwd="/",
    )
    time.sleep(0.4)
    code, errors = _as_nobody(bench, own.pid)
    check_equal(code, CANNOT_ATTACH, "exit code (%s)" % errors)
    check_equal(len(errors.splitlines()), 1, "lines of stderr %r" % errors)
    check(re.search("CAP_BPF|CAP_SYS_ADMIN", errors, re.I), "no capability is named: %r", errors)


@live(on="once")
def one_capability_is_missing(bench):
    """Without CAP_PERFMON, it is named as the one that is missing."""
    target = bench.target("steady.py")
    pid = target.hear("ready")["pid"]
    caps = ["--inh-caps=+bpf,+sys_ptrace", "--ambient-caps=+bpf,+sys_ptrace"]
    code, errors = _as_nobody(bench, pid, *caps)
    check_equal(code, CANNOT_ATTACH, "exit code (%s)" % errors)
    check_equal(len(errors.splitlines()), 1, "lines of stderr %r" % errors)
    check(re.search("missing.*: CAP_PERFMON$", errors), "not the one that is missing: %r", errors)
    target.finish()


@live(on="once")
def doctor_on_bad_pids(bench):
    pid = str(_free_pid())
    code, _, errors = run_tool(bench, "doctor", "-p", pid)
    check_equal(code, CANNOT_ATTACH, "exit code (%s)" % errors)
    sleeper = bench.start(["sleep", "60"])
    time.sleep(0.1)
    code, _, errors = run_tool(bench, "doctor", "-p", str(sleeper.pid))
    check_equal(code, CANNOT_ATTACH, "exit code (%s)" % errors)
