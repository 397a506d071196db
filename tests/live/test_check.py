# SPDX-License-Identifier: BSD-2-Clause
"""`loopstall check`: known-good and known-bad programs, a host starved on purpose, forgiveness,
baselines, exit codes."""

import json
import os
import re
import subprocess

from lib import PROGRAMS, TOOL, check, check_equal, live, run_tool

PROGRAM = os.path.join(PROGRAMS, "checked.py")


def judge(bench, options, program, wrap=()):
    """Runs a check of checked.py. Returns (exit code, verdict)."""
    code, output, errors = run_tool(
        bench,
        "check",
        "--json",
        "--root",
        PROGRAMS,
        *options,
        "--",
        *wrap,
        *bench.python.command,
        PROGRAM,
        *program,
        timeout=40.0
    )
    check(output, "no verdict; stderr: %s", errors)
    verdict = json.loads(output)
    check_equal(verdict["exit_code"], code, "exit code")
    return code, verdict


def rules(verdict):
    return {finding["rule"] for finding in verdict["findings"] if not finding["is_doubtful"]}


@live()
def good_program_passes(bench):
    code, verdict = judge(
        bench, ["--max-step", "250ms", "--deny", "sleep,process,file"], ["1.5", "0.5"]
    )
    check(
        code in (0, 4), "a good program is called %s: %r", verdict["outcome"], verdict["findings"]
    )
    check_equal(verdict["findings"], [], "findings")
    check(verdict["steps"] >= 100, "%d steps", verdict["steps"])


@live(on="once")
def bad_programs_fail(bench):
    program = ["1.5", "0.5", "sleep", "60", "20"]
    for options, rule in (
        (["--max-step", "50ms"], "max-step"),
        (["--max-step", "9s", "--max-step", "work*=50ms"], "max-step"),
        (["--deny", "network,sleep"], "deny"),
        (["--max-stalls", "0"], "max-stalls"),
        (["--max-turn", "55ms"], "max-turn"),
        (["--max-starved", "1ms"], "max-starved"),
        (["--p99-step", "20ms"], "p99-step"),
    ):
        with bench.part(rule + options[-1]):
            code, verdict = judge(bench, options, program)
            if rule == "p99-step" and verdict["host"]["is_stolen"]:
                # Of a percentile nobody can say how much of it was stolen.
                check_equal([f["rule"] for f in verdict["findings"]], [rule], "doubtful rules")
                continue
            check_equal(code, 1, "exit code")
            check_equal(rules(verdict), {rule}, "broken rules")
            if rule in ("max-step", "deny"):
                finding = verdict["findings"][0]
                check_equal(
                    (finding["file"], finding["function"]), ("checked.py", "sleep"), "place"
                )
                check(60e6 <= finding["measured"] < 90e6, "measured %r", finding)


@live(on="once", lane="alone")
def starved_host_is_never_red(bench):
    """Everything on one CPU with four that compute: steps take long by the clock, and the program
    has no part in it."""
    cpu = str(max(os.sched_getaffinity(0)))
    hogs = [
        bench.start(["taskset", "-c", cpu, bench.python.path, "-c", "while True: pass"])
        for _ in range(4)
    ]
    wrap = ["taskset", "-c", cpu]
    with bench.part("good"):
        code, verdict = judge(bench, ["--max-step", "15ms", "--max-turn", "15ms"], ["4", "3"], wrap)
        check(code in (0, 4), "red on a starved host: %r", verdict["findings"])
        check(
            verdict["host"]["runqueue_share"] > 0.2, "the host was not starved: %r", verdict["host"]
        )
        check(verdict["host"]["excused"] > 0, "no step was over its limit by the clock")
        check_equal(code, 4, "exit code")
    with bench.part("waits for a starved child"):
        code, verdict = judge(
            bench, ["--max-step", "150ms"], ["5", "1", "process", "60", "10"], wrap
        )
        check(code in (0, 4), "red for a child without a CPU: %r", verdict["findings"])
    with bench.part("guilty all the same"):
        code, verdict = judge(bench, ["--max-step", "50ms"], ["4", "1", "sleep", "80", "5"], wrap)
        check_equal(code, 1, "exit code")
    for hog in hogs:
        hog.close()


@live(on="once")
def allowed(bench):
    program = ["1.2", "0.5", "sleep", "60", "20"]
    path = os.path.join(bench.folder, "allow")
    with open(path, "w") as file:
        file.write("sleep until=2999-01-01 # known\nnever_seen # gone\n")
    code, verdict = judge(bench, ["--max-step", "50ms", "--allow-file", path], program)
    check(code in (0, 4) and not verdict["findings"], "not forgiven: %r", verdict["findings"])
    times = {entry["pattern"]: entry["times"] for entry in verdict["allow"]}
    check(times["sleep"] > 0 and times["never_seen"] == 0, "times %r", times)
    code, verdict = judge(
        bench, ["--max-step", "50ms", "--allow", "checked.py:* until=2020-01-01"], program
    )
    check_equal(code, 1, "exit code")
    check_equal(rules(verdict), {"max-step", "allow-expired"}, "broken rules")


@live(on="once")
def baseline(bench):
    path = os.path.join(bench.folder, "baseline.json")
    for _ in range(3):
        code, _ = judge(bench, ["--save-baseline", path], ["1.5", "1"])
        check_equal(code, 0, "exit code of a saved run")
    with open(path) as file:
        saved = json.load(file)
    check_equal(len(saved["runs"]), 3, "runs")
    worker = next(c for c in saved["runs"][0]["coroutines"] if c["name"] == "worker")
    check_equal(worker["file"], "checked.py", "file")
    check(len(worker["slices"]) >= 5, "%d slices", len(worker["slices"]))
    with bench.part("twice as slow"):
        code, verdict = judge(bench, ["--baseline", path, "--max-regression", "20%"], ["1.5", "2"])
        check(code in (1, 4), "exit code %d", code)
        found = [
            f
            for f in verdict["findings"]
            if f["rule"] == "max-regression" and f["subject"] == "worker"
        ]
        check(found, "no regression found: %r", verdict)
        check(1.6 < found[0]["comparison"]["ratio"] < 2.6, "ratio %r", found[0]["comparison"])
    with bench.part("new offender"):
        code, verdict = judge(
            bench,
            ["--baseline", path, "--max-regression", "900%"],
            ["1.5", "1", "sleep", "30", "10"],
        )
        check_equal(code, 1, "exit code")
        check_equal(verdict["findings"][0]["rule"], "new-site", "first finding")
        check_equal(verdict["findings"][0]["function"], "sleep", "its function")


def record(bench, name, program, *options):
    path = os.path.join(bench.folder, name)
    code, _, errors = run_tool(
        bench,
        "record",
        "-o",
        path,
        *options,
        "--",
        *bench.python.command,
        PROGRAM,
        *program,
        timeout=40.0
    )
    check_equal(code, 0, "exit code of record (%s)" % errors)
    return path


def judge_file(bench, options, path):
    """Returns (exit code, verdict)."""
    code, output, errors = run_tool(bench, "check", "--json", "--root", PROGRAMS, *options, path)
    check(output, "no verdict; stderr: %s", errors)
    verdict = json.loads(output)
    check_equal(verdict["exit_code"], code, "exit code")
    return code, verdict


def shape(value):
    """The value without its numbers."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"[0-9.]+ (ns|us|ms|s\b)|[0-9]+", "N", value)
    return "N" if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def shape_of_verdict(verdict):
    """Without what depends on the host in that second: causes beside the main one, what was lost,
    whether it was busy."""
    for finding in verdict["findings"]:
        if finding["worst"]:
            finding["worst"]["causes_ns"] = sorted(set(finding["worst"]["causes_ns"]) & {"sleep"})
    for key in ("is_starved", "is_stolen", "is_pressed"):
        check(isinstance(verdict["host"].pop(key), bool), "%s is no bool", key)
    verdict["lost"] = None
    return shape(verdict)


@live(on="once")
def recordings_are_judged_as_runs_are(bench):
    limits = ["--max-step", "250ms", "--deny", "process,file"]
    good, bad = ["1.5", "0.5"], ["1.5", "0.5", "sleep", "300", "20"]
    for name, program, wanted in (("good", good, 0), ("bad", bad, 1)):
        with bench.part(name):
            code, of_file = judge_file(bench, limits, record(bench, name, program))
            check_equal(code, wanted, "exit code")
            for share in ("steal_share", "pressure_share"):
                check(
                    isinstance(of_file["host"][share], float),
                    "%s is %r",
                    share,
                    of_file["host"][share],
                )
            code, of_run = judge(bench, limits, program)
            check_equal(code, wanted, "exit code of the run")
            check_equal(
                shape_of_verdict(of_file), shape_of_verdict(of_run), "verdict on the recording"
            )
    with bench.part("same twice"):
        path = os.path.join(bench.folder, "bad")
        check_equal(judge_file(bench, limits, path), judge_file(bench, limits, path), "verdict")
    with bench.part("baseline"):
        saved = os.path.join(bench.folder, "baseline.json")
        for _ in range(2):
            code, _ = judge_file(
                bench, ["--save-baseline", saved], os.path.join(bench.folder, "good")
            )
            check_equal(code, 0, "exit code")
        code, verdict = judge_file(bench, ["--baseline", saved], os.path.join(bench.folder, "bad"))
        check_equal(code, 1, "exit code")
        check("new-site" in rules(verdict), "rules %r", rules(verdict))
        check_equal(verdict["baseline"]["runs"], 2, "runs of the baseline")
        # With another root no name is that of the baseline.
        code, verdict = judge_file(
            bench,
            ["--baseline", saved, "--root", "/usr", "--threshold", "9s"],
            os.path.join(bench.folder, "good"),
        )
        check_equal((code, verdict["baseline"]["comparisons"]), (4, 0), "exit code and comparisons")


@live(on="once")
def recordings_that_do_not_hold_the_answer(bench):
    path = record(bench, "a", ["1.2", "0.5", "sleep", "60", "20"], "--threshold", "50ms")
    for options, words in (
        (
            ["--max-step", "20ms", "--threshold", "50ms"],
            "a limit of 20ms cannot be judged: record with --threshold 20ms",
        ),
        (["--max-step", "80ms"], "give --threshold 50ms, or record with --threshold 10ms"),
        (["--max-turn", "1ms", "--threshold", "50ms"], "a limit of 1ms cannot be judged"),
    ):
        code, output, errors = run_tool(bench, "check", *options, path)
        check_equal((code, output), (2, b""), "exit code and output with %r" % options)
        check(
            words in errors and len(errors.splitlines()) == 1, "stderr with %r: %s", options, errors
        )
    limits = ["--threshold", "50ms", "--max-step", "9s"]
    code, verdict = judge_file(bench, limits, path)
    check_equal((code, verdict["reasons"]), (0, []), "exit code and reasons of the whole file")
    with open(path, "rb") as file:
        data = file.read()
    for name, damaged in (
        ("cut", data[:-100]),
        ("no end mark", data[:-48]),
        ("changed", data[:-120] + bytes([data[-120] ^ 1]) + data[-119:]),
    ):
        with bench.part(name):
            with open(path, "wb") as file:
                file.write(damaged)
            code, verdict = judge_file(bench, limits, path)
            check_equal(code, 4, "exit code")
            check("not whole" in verdict["reasons"][0], "reasons %r", verdict["reasons"])
    with open(path, "wb") as file:
        file.write(b"nonsense" * 100)
    code, _, errors = run_tool(bench, "check", path)
    check_equal(code, 2, "exit code of no recording (%s)" % errors)


@live(on="once")
def nothing_makes_a_fault_less(bench):
    """Whatever happens to the outputs: what is broken stays 1, and what cannot be written is never
    0."""
    good, bad = record(bench, "good", ["1.2", "0.5"]), record(
        bench, "bad", ["1.2", "0.5", "sleep", "60", "20"]
    )
    # On a starved host the good run is inconclusive, and then no baseline is written at all.
    is_doubted = run_tool(bench, "check", "--max-step", "50ms", good)[0] == 4
    gone = os.path.join(bench.folder, "is not there")
    link = os.path.join(bench.folder, "link")
    os.symlink(gone, link)
    for path, code in ((bad, 1), (good, 2)):
        for option in ("--junit", "--sarif", "--save-baseline"):
            for place in (gone + "/x",) + (() if option == "--save-baseline" else (link,)):
                if option == "--save-baseline" and path == bad:
                    continue  # a bad run is not saved
                junit = os.path.join(bench.folder, "md")
                got, output, errors = run_tool(
                    bench, "check", "--max-step", "50ms", option, place, "--markdown", junit, path
                )
                wanted = 4 if is_doubted and option == "--save-baseline" else code
                check_equal(got, wanted, "exit code with %s %s" % (option, place))
                if wanted == code:
                    check_equal(len(errors.splitlines()), 1, "lines of %r" % errors)
                check(output and os.path.getsize(junit) > 50, "the other outputs are missing")
                os.unlink(junit)
    check(not os.path.exists(gone), "written through a link")
    live_run = ["--", *bench.python.command, PROGRAM, "1.2", "0.5", "sleep", "60", "20"]
    for what in ([bad], live_run):
        command = [TOOL, "check", "--max-step", "50ms", *what]
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=30)
        os.close(writer)
        check_equal(
            (done.returncode, done.stderr), (1, b""), "exit code and stderr without a reader"
        )
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=30)
        check_equal(done.returncode, 1, "exit code on a full disk")
        check_equal(len(done.stderr.splitlines()), 1, "lines of %r" % done.stderr)


@live(on="once")
def exit_codes(bench):
    python = bench.python.path
    for code, args in (
        (2, ["--max-step", "50"]),
        (2, ["--deny", "laziness"]),
        (2, ["--allow", "x until=now"]),
        (2, ["--max-regression", "20"]),
        (2, ["--baseline", "/nonexistent"]),
        (2, ["--max-stalls", "-1"]),
    ):
        got, _, errors = run_tool(bench, "check", *args, "--", python, PROGRAM, "0.1", "1")
        check_equal(got, code, "exit code of %r" % args)
        check(len(errors.strip().splitlines()) == 1, "stderr: %s", errors)
    got, _, _ = run_tool(bench, "check", "--", python, PROGRAM, "0.1", "no number")
    check_equal(got, 5, "exit code of a command that fails")
    got, _, _ = run_tool(bench, "check", "--", python, "-c", "import time; time.sleep(0.5)")
    check_equal(got, 3, "exit code without a loop")
    got, output, errors = run_tool(bench, "check", "--", python, PROGRAM, "0.05", "5")
    check("no limit is given" in errors, "no word of the missing limits: %s", errors)
    check_equal(got, 4, "exit code of a short run")
    check(b"INCONCLUSIVE" in output, "no outcome: %r", output)


@live(on="once")
def settings_of_the_repository(bench):
    with open(os.path.join(bench.folder, "loopstall.ini"), "w") as file:
        file.write("[check]\nmax-step = 9s\ndeny = sleep\nallow = nobody\n")
    got, output, errors = run_tool(
        bench,
        "check",
        "--github",
        "--junit",
        "j.xml",
        "--sarif",
        "s.json",
        "--markdown",
        "m.md",
        "--",
        *bench.python.command,
        PROGRAM,
        "1.2",
        "0.5",
        "sleep",
        "60",
        "20",
        cwd=bench.folder
    )
    check_equal(got, 1, "exit code (%s)" % errors)
    check(b"::error file=" in output, "no annotation: %r", output)
    for name in ("j.xml", "s.json", "m.md"):
        check(os.path.getsize(os.path.join(bench.folder, name)) > 100, "%s is empty", name)
    subprocess.run(["xmllint", "--noout", os.path.join(bench.folder, "j.xml")], check=True)
