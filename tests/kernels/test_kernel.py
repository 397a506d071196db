# SPDX-License-Identifier: BSD-2-Clause
"""What differs between kernels: how probes are attached, which capabilities that takes, what is
said if it cannot be."""

import json
import os
import subprocess

from lib import TOOL, check, check_equal, check_losses, live

CANNOT_ATTACH = 3
# The program without shared libraries, where the guest has it: what a package brings.
STATIC = os.environ.get("STATIC", TOOL)


def _needs_admin():
    return os.environ["TRANSPORT"] == "perf uprobe"


def _run(args, caps=None, tool=TOOL):
    """Runs the tool, as nobody with these capabilities if they are given. Returns (exit code, JSON
    lines, stderr)."""
    command = [tool, *args, "--json"]
    if caps is not None:
        words = ",".join("+" + cap for cap in caps)
        command[:0] = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=" + words,
            "--ambient-caps=" + words,
        ]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, cwd="/"
    )
    return (
        done.returncode,
        [json.loads(line) for line in done.stdout.splitlines()],
        done.stderr.decode(),
    )


def _doctor(code, pid=None, caps=None, tool=TOOL):
    """The features as it sees them, by name. It must end with this code."""
    got, lines, errors = _run(["doctor"] + (["-p", str(pid)] if pid else []), caps, tool)
    features = {feature["name"]: feature for feature in lines[0]["features"]}
    lacks = sorted(name for name, feature in features.items() if not feature["ok"])
    check_equal(got, code, "exit code of doctor, which lacks %r (%s)" % (lacks, errors))
    return features


def _trace(pid, caps, tool=TOOL):
    """Traces a program that stalls all the time. Returns the summary."""
    code, lines, errors = _run(["trace", "-p", str(pid), "-d", "500ms"], caps, tool)
    check_equal(code, 0, "exit code of trace (%s)" % errors)
    check_equal(lines[0]["transport"], os.environ["TRANSPORT"], "transport")
    causes = {line["cause"] for line in lines if line["type"] == "stall"}
    check_equal(causes, {"sleep"}, "causes of the stalls")
    return lines[-1]


def _steady(bench):
    target = bench.target("steady.py")
    return target, target.hear("ready")["pid"]


@live(on="once")
def attaches_as_doctor_says(bench):
    target, pid = _steady(bench)
    features = _doctor(0, pid, tool=STATIC)
    check_equal(features["uprobe_multi"]["ok"], not _needs_admin(), "uprobe_multi of doctor")
    check(features["perf_uprobe"]["ok"], "perf_uprobe of doctor")
    needs = {name: f for name, f in features.items() if f["since"]}
    check_equal(len(needs), 7, "what doctor says the programs need of the kernel")
    newest = max(tuple(map(int, f["since"].split("."))) for f in needs.values())
    running = tuple(map(int, os.uname().release.split(".")[:2]))
    check(newest <= running, "a need is newer than this kernel: %r", needs)
    check(all(f["ok"] for f in needs.values()), "lacks, and works: %r", needs)
    check_losses(_trace(pid, None, STATIC))
    target.finish()


@live(on="once")
def capabilities(bench):
    """An ordinary user with those that docs/kernels.md names, and no other."""
    target, pid = _steady(bench)
    caps = ["bpf", "perfmon", "sys_ptrace"]
    if _needs_admin():
        _refused_without_admin(pid, caps)
        caps.append("sys_admin")
    _doctor(0, pid, caps)
    check_losses(_trace(pid, caps))
    target.finish()


def _refused_without_admin(pid, caps):
    features = _doctor(CANNOT_ATTACH, pid, caps)
    check(
        features["bpf"]["ok"] and features["sched"]["ok"],
        "the programs do not load: %r",
        features["bpf"],
    )
    check(not features["uprobe"]["ok"], "doctor says that probes can be attached")
    code, lines, errors = _run(["trace", "-p", str(pid), "-d", "500ms"], caps)
    check_equal((code, lines), (CANNOT_ATTACH, []), "exit code and output of trace (%s)" % errors)
    check(
        "CAP_SYS_ADMIN" in errors and len(errors.splitlines()) == 1,
        "not told what is missing: %r",
        errors,
    )


@live(on="once")
def process_that_locked_a_file(bench):
    """Linux 6.9 moved what a lock of a file is."""
    target = bench.target("lock_holders.py")
    target.hear("ready")
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms", "--mode", "exact")
    tool.wait_start()
    truth = [target.ask(kind, "done", timeout=90) for kind in ("flock", "lockf")]
    target.finish()
    tool.read_all()
    pids = [stall["lock_holder"]["pid"] for stall in tool.stalls if stall["lock_holder"]]
    check_equal(sorted(set(pids)), sorted(done["holder_pid"] for done in truth), "processes")


@live(on="once")
def without_btf(bench):
    target, pid = _steady(bench)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/sys/kernel/btf"], check=True)
    features = _doctor(CANNOT_ATTACH)
    check(
        not features["btf"]["ok"] and "CONFIG_DEBUG_INFO_BTF" in features["btf"]["fix"],
        "btf of doctor",
    )
    code, lines, errors = _run(["trace", "-p", str(pid), "-d", "500ms"])
    check_equal((code, lines), (CANNOT_ATTACH, []), "exit code and output of trace (%s)" % errors)
    check("CONFIG_DEBUG_INFO_BTF" in errors, "not told what is missing: %r", errors)
    target.finish()
