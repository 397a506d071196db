# SPDX-License-Identifier: BSD-2-Clause
"""Least privilege: what is documented suffices, each capability is needed, and what is not needed
any more is given up."""

import glob
import json
import os
import re
import shutil
import subprocess
import sysconfig
import time

import lib
import yaml
from lib import check, check_equal, live, wait_for
from privileges import (
    CONTAINER_CAPS,
    FILE_CAPS,
    HTTP_CAPS,
    NUMBERS,
    OTHER,
    USER,
    as_root_with,
    as_user,
    caps_of,
    check_finds_the_stall,
    public_folder,
    public_program,
    public_tool,
    refused,
    set_caps,
    steady_of,
    traced,
    wait_caps,
)
from terminal import Terminal

ROOT_ONLY = {"CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"}
MANIFESTS = os.path.join(lib.HERE, "..", "..", "packaging", "kubernetes")


# --- what suffices


@live(on="once")
def file_capabilities_suffice(bench):
    """As an ordinary user, on a process of one's own, of another user and of root; names and lines
    included."""
    targets = {
        "own": steady_of(bench, USER),
        "other": steady_of(bench, OTHER),
        "root": steady_of(bench, 0),
    }
    for how in ("p", "ep"):
        tool = public_tool(bench, FILE_CAPS, how)
        for whose, target in targets.items():
            with bench.part("%s-%s" % (how, whose)):
                check_finds_the_stall(traced(bench, target.pid, as_user(USER), tool))


@live(on="once")
def inherited_capabilities_suffice(bench):
    """The same without a file, as a service manager gives them."""
    target = steady_of(bench, OTHER)
    words = ",".join("+" + cap[len("CAP_") :].lower() for cap in FILE_CAPS)
    wrap = as_user(USER, "--inh-caps=" + words, "--ambient-caps=" + words)
    check_finds_the_stall(traced(bench, target.pid, wrap, public_tool(bench)))


@live(on="once")
def own_process_needs_no_ptrace(bench):
    target = steady_of(bench, USER)
    tool = public_tool(bench, ("CAP_BPF", "CAP_PERFMON"))
    check_finds_the_stall(traced(bench, target.pid, as_user(USER), tool))


# --- what each is for


@live(on="once")
def each_file_capability_is_needed(bench):
    target = steady_of(bench, OTHER)
    for cap in FILE_CAPS:
        with bench.part("without-" + cap):
            tool = public_tool(bench, [c for c in FILE_CAPS if c != cap])
            refused(bench, target.pid, as_user(USER), cap, "root", tool=tool)
    with bench.part("without-any"):
        refused(
            bench, steady_of(bench, USER).pid, as_user(USER), *FILE_CAPS, tool=public_tool(bench)
        )


def _asyncio_in(folder):
    """A copy of the accelerator module that a Python finds there first; its path."""
    library = glob.glob(
        os.path.join(sysconfig.get_path("platstdlib"), "lib-dynload", "_asyncio.*.so")
    )[0]
    path = os.path.join(folder, os.path.basename(library))
    shutil.copy(library, path)
    os.chmod(path, 0o755)
    return path


def _plain(bench):
    return steady_of(bench, OTHER)


def _in_closed_folder(bench):
    """Its folder is its user's alone, as many homes are."""
    folder = public_folder(bench, "closed-%d" % time.monotonic_ns())
    _asyncio_in(folder)
    target = steady_of(bench, OTHER, env={"PYTHONPATH": folder})
    os.chmod(folder, 0o700)
    return target


def _upgraded(bench):
    """A package manager has put a new file in place of the one that it runs with."""
    folder = public_folder(bench, "upgraded-%d" % time.monotonic_ns())
    path = _asyncio_in(folder)
    target = steady_of(bench, OTHER, env={"PYTHONPATH": folder})
    shutil.copy(path, path + ".new")
    os.rename(path + ".new", path)
    return target


# For each capability of a container a process that cannot be measured without it.
NEEDED_FOR = {
    "CAP_BPF": _plain,
    "CAP_PERFMON": _plain,
    "CAP_SYS_PTRACE": _plain,
    "CAP_DAC_READ_SEARCH": _in_closed_folder,
    "CAP_CHECKPOINT_RESTORE": _upgraded,
}


@live(on="once")
def each_container_capability_is_needed(bench):
    """Root with this list measures what is hardest to open; without any one of them it says which
    it lacks."""
    check_equal(set(NEEDED_FOR), set(CONTAINER_CAPS), "capabilities")
    for cap, start in NEEDED_FOR.items():
        target = start(bench)
        with bench.part("with-" + cap):
            check_finds_the_stall(traced(bench, target.pid, as_root_with(CONTAINER_CAPS)))
        with bench.part("without-" + cap):
            refused(bench, target.pid, as_root_with([c for c in CONTAINER_CAPS if c != cap]), cap)


@live(on="once")
def own_upgraded_program(bench):
    """To its user, CAP_CHECKPOINT_RESTORE alone opens it."""
    target = _upgraded(bench)
    tool = public_tool(bench, FILE_CAPS)
    refused(bench, target.pid, as_user(OTHER), "replaced", "CAP_CHECKPOINT_RESTORE", tool=tool)
    tool = public_tool(bench, FILE_CAPS + ("CAP_CHECKPOINT_RESTORE",))
    check_finds_the_stall(traced(bench, target.pid, as_user(OTHER), tool))


def _capability_lists(node):
    """All lists at securityContext.capabilities.add, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "capabilities":
                yield value["add"], value["drop"]
            else:
                yield from _capability_lists(value)
    elif isinstance(node, list):
        for value in node:
            yield from _capability_lists(value)


@live(on="once")
def manifests_name_what_was_measured(bench):
    """The capabilities in packaging/kubernetes are those of these tests."""
    wanted = {
        "daemonset.yaml": CONTAINER_CAPS + HTTP_CAPS,
        "ephemeral-container.yaml": CONTAINER_CAPS,
    }
    paths = sorted(glob.glob(os.path.join(MANIFESTS, "*.yaml")))
    check_equal([os.path.basename(p) for p in paths], sorted(wanted), "manifests")
    for path in paths:
        with open(path) as file:
            lists = [
                found
                for document in yaml.safe_load_all(file)
                for found in _capability_lists(document)
            ]
        check_equal(len(lists), 1, "capability lists in %s" % path)
        add, drop = lists[0]
        check_equal(
            sorted("CAP_" + name for name in add),
            sorted(wanted[os.path.basename(path)]),
            "capabilities of %s" % path,
        )
        check_equal(drop, ["ALL"], "what is dropped in %s" % path)


@live(on="once")
def documents_name_what_was_measured(bench):
    """The commands to copy, too."""
    for name in ("README.md", "docs/privileges.md"):
        with open(os.path.join(lib.HERE, "..", "..", name)) as file:
            text = file.read().replace("\\\n", " ")
        lists = re.findall(r"setcap (\S+)\+p ", text)
        check_equal(lists, [",".join(FILE_CAPS).lower()], "setcap lines of %s" % name)
        for command in re.findall(r"docker run .*", text):
            added = ["CAP_" + cap for cap in re.findall(r"--cap-add=(\w+)", command)]
            check_equal(sorted(added), sorted(CONTAINER_CAPS), "docker line of %s" % name)
            check(
                "--pid=host" in command and "--cap-drop=ALL" in command,
                "docker line of %s: %s",
                name,
                command,
            )


# --- what is given up


def _idle(bench, uid):
    """A Python without a loop: the tool waits for one."""
    return bench.start(
        as_user(uid) + bench.python.command + ["-u", "-c", "import time; print(1); time.sleep(60)"],
        env=bench.python.env,
        cwd="/",
    )


def _attached(bench, command):
    """The tool, as far as it can come at first."""
    tool = bench.start(command, cwd="/")
    wait_for(lambda: "capabilities kept" in tool.stderr, 10, "it has attached")
    return tool


def _check_phases(bench, wrap, tool_path, extra, has_setpcap):
    idle = _idle(bench, OTHER)
    idle.read_line()
    target = steady_of(bench, OTHER)
    attaching = set(FILE_CAPS) | extra
    watching = {"CAP_PERFMON", "CAP_SYS_PTRACE"} | extra
    # Mode auto puts its probes on again: it keeps what that takes.
    command = list(wrap) + [tool_path, "trace", "--mode", "exact", "-d", "20s", "-v", "-p"]
    for name, words in (
        ("attaching-goes-on", ["%d,%d" % (target.pid, idle.pid), "--no-follow"]),
        ("children-may-come", [str(target.pid)]),
    ):
        with bench.part(name):
            tool = _attached(bench, command + words)
            for field in ("CapEff", "CapPrm"):
                check_equal(caps_of(tool.pid, field), attaching, "%s while it may attach" % field)
            tool.close()
    with bench.part("all-is-attached"):
        tool = _attached(bench, command + [str(target.pid), "--no-follow"])
        for field in ("CapEff", "CapPrm"):
            wait_caps(tool.pid, field, watching, 3, "when all is attached")
        check_equal(caps_of(tool.pid, "CapInh"), set(), "CapInh")
        check_equal(caps_of(tool.pid, "CapAmb"), set(), "CapAmb")
        check_equal(lib.status_of(tool.pid)["NoNewPrivs"], "1", "NoNewPrivs")
        if has_setpcap:
            check_equal(caps_of(tool.pid, "CapBnd"), set(), "CapBnd")
        for cap in watching:
            check(cap in tool.stderr, "%s is not said to be kept: %r", cap, tool.stderr)
        tool.close()


@live(on="once")
def user_keeps_what_watching_needs(bench):
    tool = public_tool(bench, FILE_CAPS + ("CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH", "CAP_SETUID"))
    _check_phases(bench, as_user(USER), tool, set(), has_setpcap=False)


@live(on="once")
def root_keeps_what_watching_needs(bench):
    """And the rights over its own files and commands, which it had before."""
    root_caps = caps_of(os.getpid(), "CapEff")
    extra = (ROOT_ONLY | {"CAP_CHECKPOINT_RESTORE"}) & root_caps
    _check_phases(bench, [], os.path.abspath(lib.TOOL), extra, has_setpcap=True)


@live(on="once")
def user_watches_an_exec(bench):
    """CAP_BPF is gone by then: putting probes on the next program needs no right to load some."""
    target = steady_of(
        bench, OTHER, "--becomes", *bench.python.command, "-u", public_program(bench)
    )
    command = as_user(USER) + [public_tool(bench, FILE_CAPS)]
    tool = bench.own(
        lib.Tool(["trace", "-v", "--no-follow", "-p", str(target.pid)], program=command, cwd="/")
    )
    tool.read_until(lambda t: any(s["cause"] == "sleep" for s in t.stalls))
    check_equal(caps_of(tool.pid, "CapPrm"), {"CAP_PERFMON", "CAP_SYS_PTRACE"}, "CapPrm")
    target.ask("exec", "ready")
    del tool.stalls[:]
    tool.read_until(lambda t: any(s["cause"] == "sleep" for s in t.stalls))
    check_finds_the_stall(tool)
    tool.finish()


# --- who gets them besides


def _rights_of_command(bench, wrap, tool):
    """What a command started by the tool has: fields of its status."""
    path = os.path.join(public_folder(bench, "rights-%d" % time.monotonic_ns(), 0o777), "status")
    script = "cat /proc/self/status >%s; exec \"$@\"" % path
    command = list(wrap) + [tool, "trace", "-d", "2s", "--", "sh", "-c", script, "sh"]
    command += bench.python.command + ["-c", "import asyncio; asyncio.run(asyncio.sleep(.6))"]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=20,
        cwd="/",
        env=bench.python.env,
    )
    check_equal(done.returncode, 0, "exit code (%s)" % done.stderr.decode())
    with open(path) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@live(on="once")
def command_inherits_nothing(bench):
    """Neither from the file nor from the parent, and it may still become more itself."""
    words = ",".join("+" + cap[len("CAP_") :].lower() for cap in FILE_CAPS)
    ways = {
        "file": (as_user(USER), public_tool(bench, FILE_CAPS)),
        "parent": (
            as_user(USER, "--inh-caps=" + words, "--ambient-caps=" + words),
            shutil.copy(lib.TOOL, os.path.join(bench.folder, "plain")),
        ),
    }
    for name, (wrap, tool) in ways.items():
        with bench.part(name):
            status = _rights_of_command(bench, wrap, tool)
            for field in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                check_equal(int(status[field], 16), 0, "%s of the command" % field)
            check_equal(status["NoNewPrivs"], "0", "NoNewPrivs of the command")


@live(on="once")
def root_command_is_root(bench):
    own = lib.status_of(os.getpid())
    status = _rights_of_command(bench, [], os.path.abspath(lib.TOOL))
    for field in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Uid"):
        check_equal(status[field], own[field], "%s of the command" % field)


def _editor(bench, target, name, **env):
    """What an editor started by the dashboard is: its status, its environment's HOME, what it is
    told to open, and the first line of that."""
    folder = public_folder(bench, name, 0o777)
    script, result = os.path.join(folder, "editor"), os.path.join(folder, "result")
    with open(script, "w") as file:
        file.write(
            '#!/bin/sh\n(cat /proc/self/status; printf '
            '"Home:\\t%%s\\nWhere:\\t%%s\\nPath:\\t%%s\\nFirst:\\t" '
            '"$HOME" "$1" "$2"; head -n 1 "$2") >%s.new 2>&1; mv %s.new %s\n'
            % (result, result, result)
        )
    os.chmod(script, 0o755)
    terminal = Terminal(
        bench, (120, 30), dict(env, LC_ALL="C.UTF-8", XDG_CONFIG_HOME="/nowhere", EDITOR=script)
    )
    try:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait(r"Service\._stall|_stall")
        terminal.keys("e")
        wait_for(lambda: os.path.exists(result), 10, "the editor")
        terminal.wait("loopstall")
        terminal.keys("q")
        terminal.wait_end(0)
    finally:
        terminal.close()
    with open(result) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@live(on="once")
def editor_is_the_users(bench):
    """Root by sudo: the editor is of who called it. It has no capability, and opens what only the
    target sees."""
    folder = os.path.join(bench.folder, "inside")
    os.makedirs(folder)
    script = "cp %s/*.py %s.copy; mount -t tmpfs tmpfs %s; cp %s.copy/*.py %s; exec \"$@\"" % (
        os.path.dirname(public_program(bench)),
        folder,
        folder,
        folder,
        folder,
    )
    os.makedirs(folder + ".copy")
    inside = bench.own(
        lib.Target(
            ["unshare", "-m", "sh", "-ec", script, "sh"]
            + bench.python.command
            + ["-u", os.path.join(folder, "steady.py")],
            bench.python.env,
            cwd="/",
        )
    )
    inside.hear("ready")
    with open(public_program(bench)) as file:
        first_line = file.readline().strip()
    for name, target, env, uid, home in (
        ("sudo", steady_of(bench, OTHER), {"SUDO_USER": "nobody"}, "65534", "/nonexistent"),
        ("sudo-inside", inside, {"SUDO_USER": "nobody"}, "65534", "/nonexistent"),
        ("root", steady_of(bench, OTHER), {"SUDO_USER": ""}, "0", os.environ.get("HOME", "")),
        ("root-inside", inside, {"SUDO_USER": ""}, "0", os.environ.get("HOME", "")),
    ):
        with bench.part(name):
            got = _editor(bench, target, name, **env)
            check_equal(got["Uid"].split(), [uid] * 4, "users of the editor")
            for field in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
                check_equal(int(got[field], 16), 0, "%s of the editor" % field)
            check_equal(got["Home"], home, "HOME of the editor")
            check(got["Where"][0] == "+" and int(got["Where"]) > 0, "line %r", got["Where"])
            check_equal(got["First"], first_line, "first line of %r" % got["Path"])


@live(on="once")
def no_file_is_opened_for_the_user(bench):
    """Whoever may run it with capabilities cannot read with it what is closed to him."""
    secret = os.path.join(bench.folder, "secret")
    with open(secret, "w") as file:
        file.write("[top]\nthe-secret-word = 1\n")
    os.chmod(secret, 0o600)
    tool = public_tool(bench, list(NUMBERS))
    for args in (
        ["trace", "--config", secret, "-p", "1"],
        ["report", secret],
        ["check", "--max-step", "1s", secret],
    ):
        done = subprocess.run(
            as_user(USER) + [tool] + args,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            timeout=20,
            cwd="/",
        )
        text = (done.stdout + done.stderr).decode()
        check(done.returncode != 0, "%s succeeds", args)
        check("secret-word" not in text, "%s shows what is in the file: %r", args, text)
        check("denied" in text, "%s does not say why: %r", args, text)


@live(on="once")
def setuid_is_refused(bench):
    tool = public_tool(bench)
    os.chmod(tool, 0o4755)
    refused(bench, 1, as_user(USER), "setuid", "chmod u-s", tool=tool)


# --- doctor


def _doctor(wrap, tool, *args):
    done = subprocess.run(
        list(wrap) + [tool, "doctor", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=30,
        cwd="/",
    )
    check_equal(done.stderr, b"", "stderr of doctor")
    return done.returncode, done.stdout.decode()


@live(on="once")
def doctor_gives_the_line_that_helps(bench):
    """What it tells to do is done, and it is content."""
    tool = public_tool(bench)
    code, text = _doctor(as_user(USER), tool, "--json")
    check_equal(code, 3, "exit code without rights")
    message = json.loads(text)
    missing = [f["name"] for f in message["features"] if f["required"] and not f["ok"]]
    check(set(FILE_CAPS) <= set(missing), "missing are %r", missing)
    for feature in message["features"]:
        if feature["name"] in FILE_CAPS:
            bare = feature["name"][len("CAP_") :]
            check_equal(feature["docker"], "docker run --cap-add=%s ..." % bare, "docker line")
            check_equal(
                feature["kubernetes"],
                "securityContext: {capabilities: {add: [%s]}}" % bare,
                "kubernetes line",
            )
    check_equal(
        message["docker"],
        "docker run --cap-add=BPF --cap-add=PERFMON --cap-add=SYS_PTRACE ...",
        "docker line",
    )
    add = yaml.safe_load(message["kubernetes"])["securityContext"]["capabilities"]["add"]
    check_equal(["CAP_" + name for name in add], list(FILE_CAPS), "kubernetes line")
    code, text = _doctor(as_user(USER), tool)
    for line in (message["setcap"], message["docker"], message["kubernetes"]):
        check(line in text, "the text lacks %r", line)
    subprocess.run(message["setcap"].split(), check=True)
    code, text = _doctor(as_user(USER), tool, "--json")
    check_equal(code, 0, "exit code with rights (%s)" % text)
    message = json.loads(text)
    check_equal(
        [message["ok"], message["setcap"], message["docker"]], [True, None, None], "ok and lines"
    )


@live(on="once")
def doctor_names_each_that_is_missing(bench):
    tool = public_tool(bench)
    for cap in FILE_CAPS:
        set_caps(tool, [c for c in FILE_CAPS if c != cap])
        code, text = _doctor(as_user(USER), tool, "--json")
        check_equal(code, 3, "exit code without %s" % cap)
        rows = {f["name"]: f for f in json.loads(text)["features"]}
        for name in FILE_CAPS:
            check_equal(rows[name]["ok"], name != cap, "%s without %s" % (name, cap))
        wanted = "setcap %s+p %s" % (",".join(FILE_CAPS).lower(), tool)
        check_equal(json.loads(text)["setcap"], wanted, "setcap line without %s" % cap)


@live(on="once")
def doctor_in_a_user_namespace(bench):
    """There the capabilities look complete and count for nothing."""
    wrap = as_user(USER) + ["unshare", "--user", "--map-root-user"]
    tool = public_tool(bench)
    code, text = _doctor(wrap, tool, "--json")
    check_equal(code, 3, "exit code")
    rows = {f["name"]: f for f in json.loads(text)["features"]}
    check(not rows["user_namespace"]["ok"], "the user namespace is fine")
    check("outside" in rows["user_namespace"]["fix"], "fix is %r", rows["user_namespace"]["fix"])
    command = (
        wrap + [tool, "trace", "--"] + bench.python.command + ["-c", "import time; time.sleep(9)"]
    )
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=20,
        cwd="/",
        env=bench.python.env,
    )
    check_equal(done.returncode, 3, "exit code (%s)" % done.stderr.decode())
    check_equal(len(done.stderr.splitlines()), 1, "lines of stderr %r" % done.stderr)
    check(b"user namespace" in done.stderr and b"outside" in done.stderr, "it says %r", done.stderr)
