# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of real processes: what is in them, how they end, and what is made of them
afterwards."""

import json
import os
import pty
import re
import signal
import struct
import time
import zlib

from lib import MS, TOOL, both_loops, by_host, check, check_equal, live, run_tool, wait_for
from test_truth import TruthProgram, check_all, check_target

HEAD, CHUNK = "<16s4I", "<6I3Q"
MAGIC = b"\x89LSTALL\r\n\x1a\n\0\0\0\0\0"
# Name and extension of a file.
FORMATS = {
    "text": "txt",
    "json": "json",
    "csv": "csv",
    "csv-stalls": "stalls.csv",
    "folded": "folded",
    "speedscope": "speedscope.json",
    "perfetto": "trace.json",
    "pprof": "pb.gz",
    "html": "html",
    "markdown": "md",
}


def _chunks(path):
    """The flags and times of all chunks that are whole, read by the words of docs/recording.md
    alone."""
    with open(path, "rb") as f:
        data = f.read()
    magic, version, body_bytes, body_crc, crc = struct.unpack_from(HEAD, data)
    check_equal(magic, MAGIC, "magic")
    check_equal(version, 1, "version")
    check_equal(crc, zlib.crc32(data[:28]), "CRC of the head")
    check_equal(body_crc, zlib.crc32(data[32 : 32 + body_bytes]), "CRC of its body")
    check(b"target.0.python" in data[32 : 32 + body_bytes], "the target is not in the head")
    at, found = 32 + body_bytes, []
    while at + 48 <= len(data):
        (
            _,
            crc,
            payload_crc,
            payload_bytes,
            _,
            flags,
            number,
            first_ns,
            last_ns,
        ) = struct.unpack_from(CHUNK, data, at)
        check_equal(crc, zlib.crc32(data[at + 8 : at + 48]), "CRC of chunk %d" % number)
        payload = data[at + 48 : at + 48 + payload_bytes]
        check_equal(len(payload), payload_bytes, "bytes of chunk %d" % number)
        check_equal(payload_crc, zlib.crc32(payload), "CRC of the payload of chunk %d" % number)
        check_equal(number, len(found), "number of a chunk")
        found.append((flags, first_ns, last_ns))
        at += 48 + payload_bytes
    check_equal(at, len(data), "bytes of the file")
    return found


def _check_whole(path):
    flags = [flags for flags, _, _ in _chunks(path)]
    check_equal(flags, [0] * (len(flags) - 1) + [1], "flags of the chunks")


def _file(bench, name):
    return os.path.join(bench.folder, name)


def _steady(bench):
    target = bench.target("steady.py")
    target.hear("ready")
    return target


def _start_recording(bench, path, *args, **options):
    """A recording that has begun: its head and first chunk are written."""
    tool = bench.tool("record", "-o", path, *args, json_output=False, **options)
    wait_for(
        lambda: os.path.exists(path) and os.path.getsize(path) > 0 or not tool.is_alive(),
        15,
        "a recording",
    )
    check(tool.is_alive(), "no recording: %s", tool.stderr)
    return tool


def _record(bench, path, *args, code=0):
    got, output, errors = run_tool(bench, "record", "-o", path, *args, timeout=30)
    check_equal(got, code, "exit code (%s)" % errors.strip())
    check_equal(output, b"", "stdout")
    return errors


def _report(bench, *args, code=0):
    """Its stdout and stderr."""
    got, output, errors = run_tool(bench, "report", *args, timeout=30)
    check_equal(got, code, "exit code of report %s (%s)" % (" ".join(args), errors.strip()))
    return output, errors


def _json(bench, path):
    """The tool that printed the recording as JSON, each line checked against the contract."""
    tool = bench.tool("report", path, "-f", "json", json_output=False)
    tool.end()
    return tool


def _check_sources(stalls):
    """The lines around the one that a stall is placed at are those of the file."""
    n = 0
    for stall in stalls:
        source, own = stall["source"], stall["own"]
        if not source or by_host(stall):
            continue
        with open(own["file"], encoding="utf-8") as file:
            lines = file.read().split("\n")
        first = max(own["line"] - 2, 1)
        check_equal((source["line"], source["first_line"]), (own["line"], first), "lines")
        # The last one of a file ends with a line feed.
        check_equal(source["lines"], lines[first - 1 : own["line"] + 2], "source of %r" % own)
        n += 1
    check(n, "no stall has source lines: %r", [s["own"] for s in stalls])


@live(loops=both_loops)
def holds_what_the_program_did(bench):
    """The stalls that the program logged, told when the program is gone."""
    path = _file(bench, "a.ls")
    program = TruthProgram(bench, "--plan", "threads")
    tool = _start_recording(bench, path, "-p", str(program.pid), "--threshold", "10ms")
    done = program.stall()
    tool.signal(signal.SIGINT)
    check_equal(tool.wait(), 0, "exit code (%s)" % tool.stderr)
    program.target.finish()
    reported = _json(bench, path)
    check_target(bench, reported.start_line, program.pid)
    check_all(bench, reported, done)
    _check_sources(reported.stalls)


def _shape(value):
    """The fields of a message and theirs, without what is counted by name."""
    if isinstance(value, dict):
        return {
            key: _shape(item) for key, item in value.items() if key not in ("lost", "causes_ns")
        }
    return [_shape(item) for item in value[:1]] if isinstance(value, list) else None


@live(on="once")
def reports_what_trace_would_have_said(bench):
    path = _file(bench, "a.ls")
    target = _steady(bench)
    # A recording has the source lines unless told not to, trace never has.
    recording = _start_recording(bench, path, "-p", str(target.pid), "--no-source")
    trace = bench.tool("trace", "-p", str(target.pid))
    trace.wait_start()
    trace.read_until(lambda tool: len(tool.stalls) >= 10)
    trace.finish()
    recording.signal(signal.SIGINT)
    check_equal(recording.wait(), 0, "exit code (%s)" % recording.stderr)
    target.finish()
    reported = _json(bench, path)
    check_equal(_shape(reported.start_line), _shape(trace.start_line), "fields of the start line")
    check_equal(reported.start_line["targets"], trace.start_line["targets"], "targets")
    check_equal(
        _shape(reported.summary).keys(), _shape(trace.summary).keys(), "fields of the summary"
    )
    for table in ("coroutines", "call_sites", "loops"):
        check_equal(
            _shape(reported.summary[table]), _shape(trace.summary[table]), "fields of " + table
        )
    has_stalled = set()
    # Each has probes of its own: the times are the same but for those.
    for stall in trace.stalls:
        twin = [s for s in reported.stalls if abs(s["start_ns"] - stall["start_ns"]) < MS]
        check_equal(len(twin), 1, "times the recording has the stall")
        # Where a step resumed is known of coroutines that have stalled before: the recording,
        # which began earlier, knows it of the first stall as well.
        coroutine = str(stall["coroutine"])
        if coroutine in has_stalled:
            check_equal(twin[0]["from"], stall["from"], "from")
        has_stalled.add(coroutine)
        stall["from"] = twin[0]["from"]
        # Each has samples of its own, of a thread without a CPU perhaps none.
        if by_host(stall):
            continue
        check_equal(_shape(twin[0]), _shape(stall), "fields of a stall")
        for field in ("unit", "pid", "tid", "cause", "task", "coroutine", "call", "stack", "to"):
            check_equal(twin[0][field], stall[field], field)
        check(abs(twin[0]["duration_ns"] - stall["duration_ns"]) < MS, "its duration differs")


@live(on="once")
def is_whole_at_its_end(bench):
    target, path = _steady(bench), _file(bench, "a.ls")
    args = ["-p", str(target.pid), "-d", "2500ms"]
    check("stalls" in _record(bench, path, *args), "no summary")
    _check_whole(path)
    found = _chunks(path)
    check(len(found) >= 3, "only %d chunks", len(found))
    check(found[-2][2] - found[0][1] > 2e9, "it does not span the time it took")
    check("File exists" in _record(bench, path, *args, code=2), "no reason why it is refused")
    os.symlink("nowhere", _file(bench, "link"))
    _record(bench, _file(bench, "link"), *args, code=2)
    check(not os.path.exists(_file(bench, "nowhere")), "written through a link")
    for number in (signal.SIGINT, signal.SIGTERM):
        with bench.part(number.name):
            path = _file(bench, number.name)
            tool = _start_recording(bench, path, "-p", str(target.pid))
            tool.signal(number)
            check_equal(tool.wait(), 0, "exit code (%s)" % tool.stderr)
            _check_whole(path)
    target.finish()


@live(on="once")
def keeps_what_was_written_when_killed(bench):
    target, path = _steady(bench), _file(bench, "a.ls")
    tool = bench.start([TOOL, "record", "-p", str(target.pid), "-o", path])
    time.sleep(4)
    tool.signal(signal.SIGKILL)
    killed_ns = time.monotonic_ns()
    tool.wait()
    found = _chunks(path)
    check(all(flags == 0 for flags, _, _ in found), "an end mark although it was killed")
    check(killed_ns - found[-1][2] < 2e9, "%.1f s are missing", (killed_ns - found[-1][2]) / 1e9)
    check(target.is_alive(), "the target did not survive")
    target.finish()
    # Nothing is wrong with what is there.
    _, errors = _report(bench, path)
    check_equal(errors, "", "stderr")


@live(on="once")
def ends_with_its_command(bench):
    for code, wanted in ((0, 0), (3, 5)):
        with bench.part("exit code %d" % code):
            path, log = _file(bench, "%d.ls" % code), _file(bench, "log")
            program = os.path.join(
                os.path.dirname(os.path.abspath(__file__)), "programs", "brief.py"
            )
            got, _, errors = run_tool(
                bench,
                "record",
                "-o",
                path,
                "--",
                *bench.python.command,
                program,
                log,
                "--code",
                str(code)
            )
            check_equal(got, wanted, "exit code (%s)" % errors)
            _check_whole(path)
            with open(log) as file:
                truths = json.load(file)["stalls"]
            stalls = [s for s in _json(bench, path).stalls if s["unit"] == "step" or not by_host(s)]
            check_equal(len(stalls), len(truths), "stalls")


@live(on="once")
def says_when_nothing_was_measured(bench):
    path = _file(bench, "a.ls")
    idle = bench.start(
        [*bench.python.command, "-c", "import asyncio; asyncio.run(asyncio.sleep(60))"],
        env=bench.python.env,
    )
    wait_for(lambda: run_tool(bench, "ls")[1].find(b"%d " % idle.pid) >= 0, 10, "a loop")
    errors = _record(bench, path, "-p", str(idle.pid), "-d", "1500ms", code=4)
    check("nothing was measured" in errors, "%s", errors)
    _check_whole(path)
    reason = _json(bench, path).summary["no_steps_reason"]
    check(reason and reason in errors, "reason %r, but %r", reason, errors)


@live(on="once")
def leaves_no_file_when_it_cannot_attach(bench):
    path = _file(bench, "a.ls")
    other = bench.start(["sleep", "60"])
    for args, code in ((("-p", str(other.pid)), 3), (("--", "/nowhere/program"), 5)):
        with bench.part(" ".join(args)):
            check(_record(bench, path, *args, code=code), "no reason")
            check(not os.path.exists(path), "an empty file is left")


@live(on="once")
def names_the_file_that_cannot_be_written(bench):
    target = _steady(bench)
    copy = _file(bench, "copy.ls")
    full, script = _file(bench, "full"), (
        'mount -t tmpfs -o size=8k none "$0" && { "$@"; code=$?; cp "$0/a.ls" "$0".copy; exit '
        '$code; }'
    )
    os.mkdir(full)
    path = os.path.join(full, "a.ls")
    code, _, errors = run_tool(
        bench,
        "record",
        "-p",
        str(target.pid),
        "-o",
        path,
        "-d",
        "60s",
        timeout=40,
        wrap=["unshare", "-m", "sh", "-c", script, full],
    )
    check_equal(code, 4, "exit code (%s)" % errors)
    check("cannot write %s: No space left" % path in errors, "%s", errors)
    check_equal(errors.count("No space"), 1, "times it is said: %s" % errors)
    os.rename(full + ".copy", copy)
    output, _ = _report(bench, copy)
    check(b"_stall" in output, "what was written cannot be read: %s", output)
    target.finish()
    with open("/dev/full", "wb") as device:
        tool = bench.tool("report", copy, json_output=False, stdout=device)
        check_equal(tool.wait(), 4, "exit code")
        check("cannot write to stdout: No space" in tool.stderr, "%s", tool.stderr)


STORM = """
import asyncio, os, time
async def burn():
    time.sleep(0.0015)
async def main():
    print("ready", flush=True)
    while True:
        names = [os.urandom(48).hex() for _ in range(5)]
        await asyncio.gather(*(asyncio.create_task(burn(), name=name) for name in names))
        await asyncio.sleep(0.001)
asyncio.run(main())
"""


def _storm(bench, path, *args, is_over):
    """Records many stalls of tasks with names that do not compress."""
    storm = bench.start([*bench.python.command, "-c", STORM], env=bench.python.env)
    storm.read_line()  # the head of a file says what was known of the process when it was begun
    tool = bench.tool(
        "record",
        "-p",
        str(storm.pid),
        "-o",
        path,
        "--threshold",
        "1ms",
        "--max-size",
        "64K",
        *args,
        json_output=False
    )
    wait_for(lambda: is_over() or not tool.is_alive(), 30, "%s is full" % path)
    if tool.is_alive():
        tool.signal(signal.SIGINT)
    check_equal(tool.wait(), 0, "exit code (%s)" % tool.stderr)
    storm.close()
    return int(re.search(r"(\d+) stalls", tool.stderr).group(1))


@live(on="once")
def begins_a_new_file_when_one_is_full(bench):
    path = _file(bench, "a.ls")
    parts = [path + ".2", path + ".1", path]
    stalls = _storm(bench, path, "--keep", "2", is_over=lambda: os.path.exists(parts[0]))
    reported = 0
    for part in parts:
        check(os.path.getsize(part) <= 64 << 10, "%s has %d bytes", part, os.path.getsize(part))
        _check_whole(part)
        reported += len(_json(bench, part).stalls)
    # At the very end the kernel may count one that is not told yet.
    check(
        stalls - 2 <= reported <= stalls, "%d stalls in all parts, %d were seen", reported, stalls
    )
    check_equal(
        sorted(name for name in os.listdir(bench.folder) if name.startswith("a.ls")),
        ["a.ls", "a.ls.1", "a.ls.2"],
        "files",
    )
    path = _file(bench, "b.ls")
    _storm(bench, path, "--keep", "0", is_over=lambda: False)
    check(os.path.getsize(path) > 40 << 10, "it ended with %d bytes", os.path.getsize(path))
    _check_whole(path)
    check(not os.path.exists(path + ".1"), "a file that was not to be kept")


def _on_a_terminal(bench, *args):
    """Exit code and stderr of a report whose stdout is a terminal."""
    master, slave = pty.openpty()
    try:
        tool = bench.tool("report", *args, json_output=False, stdout=slave)
        return tool.wait(), tool.stderr
    finally:
        os.close(master)
        os.close(slave)


@live(on="once")
def every_format_of_a_recording(bench):
    target, path = _steady(bench), _file(bench, "a.ls")
    _record(bench, path, "-p", str(target.pid), "-d", "2500ms")
    target.finish()
    shown = run_tool(bench, "report", "--help")[1].decode().split("Formats:\n")[1]
    check_equal(
        [line.split()[0] for line in shown.splitlines() if line.startswith("  ")],
        list(FORMATS),
        "formats",
    )
    for name, extension in FORMATS.items():
        with bench.part(name):
            first, errors = _report(bench, path, "-f", name)
            check_equal(errors, "", "stderr")
            check(len(first) > 100, "%d bytes", len(first))
            check_equal(_report(bench, path, "-f", name)[0], first, "the second time")
            # The format goes by the file's name.
            out = _file(bench, "out." + extension)
            check_equal(_report(bench, path, "-o", out), (b"", ""), "output")
            with open(out, "rb") as file:
                check_equal(file.read(), first, "what -o wrote")
            check(
                "File exists" in _report(bench, path, "-o", out, code=2)[1],
                "no reason why it is refused",
            )
            link = _file(bench, "link." + extension)
            os.symlink("nowhere", link)
            _report(bench, path, "-o", link, code=2)
            check(not os.path.exists(_file(bench, "nowhere")), "written through a link")
    with bench.part("terminal"):
        code, errors = _on_a_terminal(bench, path, "-f", "pprof")
        check_equal(code, 2, "exit code")
        check("terminal" in errors and "-o" in errors, "%s", errors)
        check_equal(_on_a_terminal(bench, path, "-f", "markdown"), (0, ""), "a text on a terminal")
    with bench.part("--json"):
        check_equal(
            run_tool(bench, "report", path, "--json")[1],
            _report(bench, path, "-f", "json")[0],
            "output",
        )


@live(on="once")
def what_is_no_recording_is_refused(bench):
    target, path = _steady(bench), _file(bench, "a.ls")
    _record(bench, path, "-p", str(target.pid), "-d", "1500ms")
    target.finish()
    text = _file(bench, "text")
    with open(text, "w") as file:
        file.write("no recording, but long enough to be one\n" * 9)
    open(_file(bench, "empty"), "w").close()
    for args, words in (
        (("-f", "nonsense", path), "'nonsense' is no format.*perfetto"),
        ((text,), "text is not a recording"),
        ((_file(bench, "empty"),), "empty"),
        ((_file(bench, "missing"),), "missing: No such file"),
        ((bench.folder,), "."),
        ((path, "--diff", _file(bench, "missing")), "missing: No such file"),
        ((path, "--diff", path, "-f", "pprof"), "comparison cannot be written as pprof.*text"),
        ((path, text), "."),
        ((), "FILE"),
    ):
        with bench.part(" ".join(os.path.basename(arg) for arg in args)):
            output, errors = _report(bench, *args, code=2)
            check_equal(output, b"", "stdout")
            check(re.search(words, errors), "message: %s", errors)
            check_equal(errors.count("\n"), 1, "lines of the message: %s" % errors)


def _damage(path, new, change):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    with open(new, "wb") as file:
        file.write(change(data))


def _flipped(data):
    data[len(data) // 2] ^= 0x10
    return data


@live(on="once")
def a_damaged_file_is_told_up_to_the_damage(bench):
    target, path = _steady(bench), _file(bench, "a.ls")
    _record(bench, path, "-p", str(target.pid), "-d", "4s")
    target.finish()
    whole = _json(bench, path).summary["stalls"]
    for name, change in (("cut", lambda data: data[: len(data) // 2]), ("flipped", _flipped)):
        bad = _file(bench, name + ".ls")
        _damage(path, bad, change)
        for format_name in FORMATS:
            with bench.part("%s, %s" % (name, format_name)):
                output, errors = _report(bench, bad, "-f", format_name)
                check(len(output) > 100, "%d bytes", len(output))
                check(
                    re.search(
                        r"%s is damaged.*cut at \d+ %% \(byte \d+ of \d+\): ." % re.escape(bad),
                        errors,
                    ),
                    "message: %s",
                    errors,
                )
        with bench.part(name + ", stalls"):
            stalls = _json(bench, bad).summary["stalls"]
            check(0 < stalls < whole, "%d of %d stalls", stalls, whole)


CULPRITS = """
import asyncio, sys, time
async def old():
    time.sleep(0.02)
async def new():
    time.sleep(0.03)
async def main():
    for _ in range(25):
        for job in (old, new)[:int(sys.argv[1])]:
            await asyncio.create_task(job())
        await asyncio.sleep(0.06)
asyncio.run(main())
"""


@live(on="once")
def a_comparison_finds_who_is_new(bench):
    older, newer = _file(bench, "older.ls"), _file(bench, "newer.ls")
    for path, count in ((older, "1"), (newer, "2")):
        got, _, errors = run_tool(
            bench,
            "record",
            "-o",
            path,
            "--",
            *bench.python.command,
            "-c",
            CULPRITS,
            count,
            timeout=30
        )
        check_equal(got, 0, "exit code (%s)" % errors)
    line = json.loads(_report(bench, newer, "--diff", older, "-f", "json")[0].decode())
    check_equal(line["type"], "diff", "type")
    check(line["verdict"]["sentence"].startswith("Worse: new()"), "%r", line["verdict"])
    check_equal(line["verdict"]["worse"], 0, "rows that are worse")
    rows = {row["name"]: row for row in line["coroutines"]}
    check_equal(line["coroutines"][0]["name"], "new", "the worst")
    check_equal(rows["new"]["change"], "new", "change of the new one")
    check_equal(rows["old"]["change"], "same", "change of the old one (%r)" % rows["old"])
    check_equal(
        [rows["old"][side]["stalls"] for side in ("before", "after")],
        [25, 25],
        "stalls of the old one",
    )
    check_equal(
        [rows["new"][side]["stalls"] for side in ("before", "after")],
        [0, 25],
        "stalls of the new one",
    )
    text = _report(bench, newer, "--diff", older)[0].decode()
    check(re.match(r"Worse: new\(\)", text), "%s", text)
    check(re.search(r"(?m)^new .* new\(\)", text), "%s", text)
    text = _report(bench, older, "--diff", newer)[0].decode()
    check(re.search(r"(?m)^gone .* new\(\)", text), "%s", text)
