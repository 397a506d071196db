#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lets the n-th allocation, or the n-th system call, of a command fail, n spread over all that it
makes (sweep.py says what it must do then). Commands that look at a process need root; whole
sessions run over the scripted kernel side of the unit tests, and a few on the real one. Needs a
build. Prints "N passed, N failed, N skipped" last.

    run.py [-k PART] [--all]    only commands with PART in their name; every allocation and call
"""

import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
ROOT = os.path.dirname(TESTS)
BUILD_NAME = os.environ.get("BUILD", "build")
BUILD = os.path.join(ROOT, BUILD_NAME)
LOOPSTALL = os.path.join(BUILD, "loopstall")
SESSION = os.path.join(BUILD, "faults", "session")
HTTP = os.path.join(BUILD, "http", "driver")
NAMED = os.path.join(BUILD, "faults", "named")
# Failures tried for each command; primes, so that no rhythm of the command is followed. The others
# are for a child that tries again after half a second, for commands that read a process, and for
# those that attach probes.
TRIED = 149
TRIED_CHILD = 59
TRIED_PROCESS = 37
TRIED_LIVE = 13
FORMATS = (
    "text",
    "json",
    "csv",
    "csv-stalls",
    "folded",
    "speedscope",
    "perfetto",
    "pprof",
    "html",
    "markdown",
)
# bcrypt of no password that anybody knows.
WEB_CONFIG = """http_server_config: {http2: false}
basic_auth_users:
  a: $2b$10$iSCZabLph71Uzv091Yc.quRx11cQ0vg7P6dkZuD3eojvfT6xqEmQC
"""
# Every screen, then the end.
KEYS = b"\t\t\t\t\t\t\t\t\rq\x1bqq"

sys.path[:0] = [HERE, TESTS]

import suite  # noqa: E402 (tests/suite.py)
import sweep  # noqa: E402


def _make(*words):
    environment = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"}
    subprocess.run(["make", "-s", *words], cwd=ROOT, check=True, env=environment)


def _compile(folder, name, target, *flags):
    program = os.path.join(folder, target)
    compiler = os.environ.get("CC", "gcc").split()
    source = os.path.join(HERE, name)
    subprocess.run([*compiler, "-O2", *flags, source, "-o", program], check=True)
    return program


class Bench:
    """The tools, a recording with stalls, a process that stands still, and one that stalls, as a
    context."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []

    def __enter__(self):
        names = ("fuzz/seeds", "faults/session", "faults/named", "http/driver")
        programs = [BUILD_NAME + "/" + name for name in names]
        _make("BUILD=" + BUILD_NAME, *programs)
        self.library = _compile(self.folder, "fail_alloc.c", "fail_alloc.so", "-shared", "-fPIC")
        self.tracer = _compile(self.folder, "fail_call.c", "fail_call")
        subprocess.run([os.path.join(BUILD, "fuzz", "seeds"), self.folder], check=True)
        self.recording = os.path.join(self.folder, "stalls.ls")
        with open(os.path.join(self.folder, "stalls"), "rb") as seed:
            with open(self.recording, "wb") as file:
                file.write(seed.read()[1:])  # the first byte is for the fuzzer
        self.web_config = self.out("web.yml")
        with open(self.web_config, "w", encoding="ascii") as file:
            file.write(WEB_CONFIG)
        self.otlp_headers = self.out("otlp-headers")
        with open(self.otlp_headers, "w", encoding="ascii") as file:
            file.write("api-key=x\n" * 20)
        self.pid = self._start(os.path.join(TESTS, "fuzz", "target.py"))
        self.busy_pid = self._start(os.path.join(HERE, "target.py"))
        return self

    def _start(self, program):
        process = subprocess.Popen(["/usr/bin/python3", program], stdout=subprocess.PIPE)
        self.processes.append(process)
        process.stdout.readline()
        return str(process.pid)

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()

    def out(self, name):
        return os.path.join(self.folder, name)

    def allocations(self, command, *rest, is_strict=True, **options):
        how = sweep.Allocations(self.folder, self.library, is_strict)
        return lambda tried: sweep.Sweep([*command, *rest], how, **options).check(tried)

    def of_child(self, command, **options):
        how = sweep.ChildAllocations(self.folder, self.library, False)
        return lambda tried: sweep.Sweep(command, how, **options).check(tried)

    def calls(self, command, *rest, **options):
        how = sweep.Calls(self.folder, self.tracer)
        return lambda tried: sweep.Sweep([*command, *rest], how, **options).check(tried)


def of_files(b):
    """Commands over a recording, and scripted sessions. (name, sweep)"""
    report = [LOOPSTALL, "report", b.recording]
    check = [LOOPSTALL, "check", b.recording, "--max-step", "10ms"]
    top = [LOOPSTALL, "top", b.recording]
    session = sweep.json_lines("ended_unix_ns", "own", "own_cost")
    for name in FORMATS:
        yield "report-" + name, b.allocations(report, "--format", name)
    yield "diff", b.allocations(report, "--diff", b.recording)
    yield "check", b.allocations(check)
    yield "check-json", b.allocations(check, "--json")
    # A child that there is no memory for is counted.
    yield "session", b.allocations([SESSION], facts=session, is_strict=False)
    yield "session-record", b.allocations(
        [SESSION, b.out("out.ls")], facts=session, is_strict=False
    )
    http = [HTTP, "--once", "--listen", "unix:" + b.out("socket")]
    web = ["--web-config", b.web_config]
    yield "http", b.allocations(http, is_strict=False)
    yield "http-web-config", b.allocations(http, *web, facts=sweep.nothing, is_strict=False)
    yield "http-calls", b.calls(http)
    yield "top", b.allocations(top, facts=sweep.nothing, keys=KEYS)
    yield "report-text-calls", b.calls(report)
    yield "report-json-calls", b.calls(report, "--format", "json")
    yield "report-html-calls", b.calls(
        report, "-f", "html", "-o", b.out("out.html"), makes=[b.out("out.html")]
    )
    yield "diff-calls", b.calls(report, "--diff", b.recording)
    yield "check-calls", b.calls(check)
    yield "check-outputs-calls", b.calls(
        check, "--json", "--sarif", b.out("sarif"), makes=[b.out("sarif")]
    )
    yield "top-calls", b.calls(top, facts=sweep.nothing, keys=KEYS)


def of_children(b):
    """The child that sends, with a parent and a receiver of the tests' own."""
    sender = ["/usr/bin/python3", os.path.join(HERE, "otlp_parent.py"), LOOPSTALL]
    yield "otlp-child", b.of_child(sender, facts=sweep.lines)


def of_processes(b):
    """Commands that look at a process without probes."""
    dump = [LOOPSTALL, "dump", "-p", b.pid]
    doctor = [LOOPSTALL, "doctor", "-p", b.pid, "--json"]
    yield "dump", b.allocations(dump, facts=sweep.dumped, is_strict=False)
    yield "dump-json", b.allocations(dump, "--json", facts=sweep.dumped_json, is_strict=False)
    yield "ls-json", b.allocations([LOOPSTALL, "ls", "--json"], facts=_listed(b), is_strict=False)
    yield "doctor-json", b.allocations(
        doctor, facts=sweep.nothing, is_verdict=True, is_strict=False
    )
    for how in (b.allocations, b.calls):
        # One that has the name, and an ancestor of the command: that one never counts as such.
        suffix = "-calls" if how == b.calls else ""
        yield "named" + suffix, how([NAMED, b.pid, "target.py"])
        yield "named-ancestor" + suffix, how([NAMED, str(os.getpid()), "run.py"])
    yield "dump-calls", b.calls(dump, facts=sweep.dumped)
    yield "dump-json-calls", b.calls(dump, "--json", facts=sweep.dumped_json)
    yield "ls-json-calls", b.calls([LOOPSTALL, "ls", "--json"], facts=_listed(b))
    yield "doctor-json-calls", b.calls(doctor, facts=sweep.nothing, is_verdict=True)


def without_room(b):
    """Where stdout has no room, each command that shows a process says so, and its exit is 4."""
    target = ["-p", b.pid]
    for command in (["dump", *target], ["doctor", *target], ["ls"]):
        for rest in ([], ["--json"]):
            yield "-".join([command[0], "without-room", *rest]).replace("---", "-"), (
                lambda _tried, words=[LOOPSTALL, *command, *rest]: _check_no_room(words)
            )


def _check_no_room(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    said = done.stderr.decode()
    if done.returncode != 4 or "cannot write to stdout: No space left" not in said:
        raise AssertionError("exit %d, %r" % (done.returncode, said))


def _listed(b):
    """Of `ls`: whether it lists our process and its loops. Others come and go, as its tasks do. A
    user whose name cannot be looked up has a number. A read of memory or of a file that fails
    leaves unknown what it would have told: the version, the rung, the kind of a loop."""
    lines = sweep.json_lines(
        "tasks", "user", "kind", "type", "tid", "python", "rung", "static", "stripped"
    )
    return lambda output: {line for line in lines(output) if '"pid": %s,' % b.pid in line}


def live(b):
    """Commands that attach probes."""
    trace = [LOOPSTALL, "trace", "--json", "-d", "300ms", "--threshold", "5ms", "-p", b.busy_pid]
    record = [LOOPSTALL, "record", "-d", "200ms", "-p", b.busy_pid, "-o", b.out("live.ls")]
    serve = [LOOPSTALL, "serve", "-q", "--listen", "unix:" + b.out("live-socket"), "-d", "300ms"]
    serve += ["-p", b.busy_pid, "--otlp", "http://127.0.0.1:9", "--otlp-header-file"]
    serve += [b.otlp_headers, "--otlp-header", "a=b", "--otlp-interval", "1s"]
    yield "trace-live", b.allocations(trace, facts=sweep.stalls, is_strict=False)
    yield "trace-live-calls", b.calls(trace, facts=sweep.stalls)
    # Nobody is there: what was to be sent is lost, and counted.
    yield "serve-otlp-live", b.allocations(serve, facts=sweep.nothing, is_strict=False)
    yield "serve-otlp-live-calls", b.calls(serve, facts=sweep.nothing)
    yield "record-live-calls", b.calls(
        record, facts=sweep.nothing, makes=[b.out("live.ls")]
    )


def tests(b, tried):
    groups = [(of_files, TRIED), (of_children, TRIED_CHILD)]
    if os.geteuid() == 0:
        groups += [(of_processes, TRIED_PROCESS), (without_room, 0), (live, TRIED_LIVE)]
    for group, usual in groups:
        for name, check in group(b):
            yield name, lambda check=check, n=tried or usual: check(n)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-k", dest="part", default="", help="only commands with this in their name")
    parser.add_argument("--all", action="store_true", help="every one, not only some")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Bench(folder) as bench:
        chosen = [
            (name, test)
            for name, test in tests(bench, sys.maxsize if args.all else 0)
            if args.part in name
        ]
        return suite.run("faults", chosen)


if __name__ == "__main__":
    sys.exit(main())
