# SPDX-License-Identifier: BSD-2-Clause
"""Processes in namespaces and file systems of their own, and the tool itself in a container."""

import json
import os
import shutil
import subprocess

import interpreters
import lib
from lib import Skip, check, check_equal, live, outer_pid, run_tool
from privileges import (
    CONTAINER_CAPS,
    FILE_CAPS,
    OTHER,
    USER,
    as_root_with,
    as_user,
    check_finds_the_stall,
    public_folder,
    public_program,
    public_tool,
    traced,
)
from test_truth import TruthProgram, check_all

# Namespaces as a container runtime makes them; what is started in them ends with the one that made
# them.
CONTAINER = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]


def _other_debian():
    """Its root folder and its Python. One is there where `make interpreters` has run, which the
    runner insists on."""
    for name, minors in interpreters.TREES.items():
        root = interpreters.tree_folder(name)
        path = "/usr/bin/python3.%d" % minors[0]
        if os.access(root + path, os.X_OK):
            return root, path
    raise Skip("no other Debian is there: `make interpreters` fetches it")


def _other_python(bench):
    """The same as an interpreter of the bench."""
    root, path = _other_debian()
    answer = {"path": path, "version": (3, int(path.rsplit(".", 1)[1]), 0), "has_gil": True}
    return interpreters.Interpreter(answer, "tree", root)


def _start(bench, command, env=None):
    """A program of ours; returns it, and its pid outside and inside."""
    target = bench.own(lib.Target(command, dict(bench.python.env, **(env or {})), cwd="/"))
    inner = target.hear("ready")["pid"]
    return target, outer_pid(target.pid, inner), inner


def _cgroup_of(pid):
    """As cgroups(7) tells to read it."""
    with open("/proc/%d/cgroup" % pid) as file:
        rows = [line.rstrip("\n").split(":", 2) for line in file]
    unified = [path for number, names, path in rows if number == "0" and not names and path != "/"]
    older = [
        path for number, names, path in rows if not (number == "0" and not names) and path != "/"
    ]
    return (unified + older + [None])[0]


def _check_shown(bench, pid, inner, start):
    """The start line, ls and doctor tell of the container."""
    row = start["targets"][0]
    wanted = [pid, True, inner, _cgroup_of(pid)]
    check_equal(
        [row[k] for k in ("pid", "container", "container_pid", "cgroup")],
        wanted,
        "target of the start line",
    )
    _, output, _ = run_tool(bench, "ls", json_output=True)
    rows = [r for r in map(json.loads, output.splitlines()) if r["pid"] == pid]
    check_equal(len(rows), 1, "rows of ls")
    check_equal(
        [rows[0][k] for k in ("pid", "container", "container_pid", "cgroup")], wanted, "row of ls"
    )
    check_equal([loop["tid"] for loop in rows[0]["loops"]], [pid], "loop threads")
    _, output, _ = run_tool(bench, "ls")
    line = next(l for l in output.decode().splitlines() if l.split()[0] == str(pid))
    check(":%d " % inner in line, "no pid of the container in %r", line)
    _, output, _ = run_tool(bench, "doctor", "-p", str(pid))
    check("pid %d there" % inner in output.decode(), "doctor does not tell it: %s", output.decode())
    _, _, errors = run_tool(bench, "trace", "-p", str(pid), "-d", "300ms")
    check("pid %d there" % inner in errors, "the start line does not tell it: %r", errors)


@live(on="once")
def other_debian_in_all_namespaces(bench):
    """Mounts, pids and users of its own, another Debian inside."""
    python = _other_python(bench)
    command = CONTAINER + python.command + ["-u", public_program(bench)]
    target, pid, inner = _start(bench, command)
    check_equal(inner, 1, "pid inside")
    tool = traced(bench, pid, [])
    stall = check_finds_the_stall(tool)
    check_equal([stall["pid"], stall["tid"]], [pid, pid], "pid and tid of the stall")
    check(stall["call"]["native"].startswith("libc.so.6"), "native is %r", stall["call"]["native"])
    _check_shown(bench, pid, inner, tool.start_line)
    with bench.part("with-the-documented-capabilities"):
        check_finds_the_stall(traced(bench, pid, as_root_with(CONTAINER_CAPS)))
    with bench.part("with-file-capabilities"):
        check_finds_the_stall(traced(bench, pid, as_user(USER), public_tool(bench, FILE_CAPS)))
    target.finish()


@live(on="once")
def threads_by_the_hosts_numbers(bench):
    """Who held the interpreter lock, and who stalled, in a container: as the host counts them."""
    python, bench.python = bench.python, _other_python(bench)
    try:
        program = TruthProgram(bench, wrap=["unshare", "--pid", "--fork", "--kill-child"])
        tool = bench.tool("trace", "-p", str(program.pid), "--threshold", "10ms")
        tool.wait_start()
        done = program.stall()
        outer = _outer_threads(program.pid)
        tool.finish()
        program.target.finish()
    finally:
        bench.python = python
    check(program.pid != 1 and done["pid"] == 1, "pids %d and %d", program.pid, done["pid"])
    holders = {s["gil_holder_tid"] for s in tool.stalls} & set(outer.values())
    check(holders - {program.pid}, "no other thread of %r held the lock in any stall", outer)
    for truth in (truth for loop in done["loops"] for truth in loop["stalls"]):
        truth["holder"] = outer.get(truth["holder"], 0)
    check_all(bench, tool, done)


@live(on="once")
def user_namespace_of_an_ordinary_user(bench):
    """What a rootless container is."""
    command = as_user(OTHER) + [
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
    ]
    target, pid, inner = _start(
        bench, command + bench.python.command + ["-u", public_program(bench)]
    )
    for name, wrap, path in (
        ("root", [], None),
        ("container", as_root_with(CONTAINER_CAPS), None),
        ("user", as_user(USER), public_tool(bench, FILE_CAPS)),
        ("same-user", as_user(OTHER), public_tool(bench, FILE_CAPS)),
    ):
        with bench.part(name):
            tool = traced(bench, pid, wrap, path)
            check_finds_the_stall(tool)
            row = tool.start_line["targets"][0]
            check_equal([row["container"], row["container_pid"]], [True, inner], "container")
    target.finish()


def _outer_threads(pid):
    """The threads of a process: their numbers outside by those inside."""
    outer = {}
    for name in lib.threads_of(pid):
        with open("/proc/%d/task/%s/status" % (pid, name)) as file:
            line = next(line for line in file if line.startswith("NSpid:"))
        outer[int(line.split()[-1])] = int(name)
    return outer


# --- file systems


def _devices(pid, path):
    """(device, inode) of a file as maps and stat tell them, seen from here."""
    with open("/proc/%d/maps" % pid) as file:
        words = next(line.split() for line in file if line.rstrip().endswith(path))
    major, minor = (int(part, 16) for part in words[3].split(":"))
    st = os.stat("/proc/%d/root%s" % (pid, path))
    return (os.makedev(major, minor), int(words[4])), (st.st_dev, st.st_ino)


@live(on="once")
def overlay_root(bench):
    """An image's layers: the same file has two device numbers."""
    root, python = _other_debian()
    script = """
        m=%s; mkdir $m; mount -t tmpfs tmpfs $m; mkdir $m/upper $m/work $m/root
        mount -t overlay overlay -o lowerdir=%s,upperdir=$m/upper,workdir=$m/work $m/root
        mkdir -p $m/root/srv; cp %s/*.py $m/root/srv; mount -t proc proc $m/root/proc
        cd $m/root; pivot_root . mnt
        exec setpriv --reuid=%d --regid=%d --clear-groups %s -u /srv/steady.py
    """ % (
        os.path.join(bench.folder, "image"),
        root,
        os.path.dirname(public_program(bench)),
        OTHER,
        OTHER,
        python,
    )
    target, pid, _ = _start(
        bench, ["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-ec", script]
    )
    mapped, seen = _devices(pid, python)
    check(mapped[0] != seen[0], "both have device %d: this is not the trap", mapped[0])
    for name, wrap, path in (
        ("root", [], None),
        ("user", as_user(USER), public_tool(bench, FILE_CAPS)),
    ):
        with bench.part(name):
            tool = traced(bench, pid, wrap, path)
            stall = check_finds_the_stall(tool)
            check_equal(stall["call"]["file"], "/srv/steady.py", "file")
            check_equal(tool.start_line["targets"][0]["rung"], "entry", "rung")
    target.finish()


@live(on="once")
def bind_mounted_program(bench):
    """Only inside, another file lies over the interpreter."""
    copy = os.path.join(public_folder(bench, "over", owner=0), "python")
    shutil.copy(bench.python.path, copy)
    script = "mount --bind %s %s; exec setpriv --reuid=%d --regid=%d --clear-groups \"$@\"" % (
        copy,
        bench.python.path,
        OTHER,
        OTHER,
    )
    command = [
        "unshare",
        "-m",
        "sh",
        "-ec",
        script,
        "sh",
        bench.python.path,
        "-u",
        public_program(bench),
    ]
    target, pid, _ = _start(bench, command)
    check_equal(os.stat("/proc/%d/exe" % pid).st_ino, os.stat(copy).st_ino, "inode of the program")
    for name, wrap, path in (
        ("root", [], None),
        ("user", as_user(USER), public_tool(bench, FILE_CAPS)),
    ):
        with bench.part(name):
            check_finds_the_stall(traced(bench, pid, wrap, path))
    target.finish()


@live(on="once")
def program_replaced_while_it_runs(bench):
    """An upgrade of the interpreter: /proc/PID/exe still leads to the old one, for everybody who
    may read the process."""
    folder = public_folder(bench, "bin", owner=0)
    path = os.path.join(folder, os.path.basename(bench.python.path))
    shutil.copy(bench.python.path, path)
    command = as_user(OTHER) + [path, "-u", public_program(bench)]
    target, pid, _ = _start(bench, command)
    ways = (("root", [], None), ("user", as_user(USER), public_tool(bench, FILE_CAPS)))
    shutil.copy(path, path + ".new")
    os.rename(path + ".new", path)
    for name, wrap, tool in ways:
        with bench.part("replaced-" + name):
            check_finds_the_stall(traced(bench, pid, wrap, tool))
    os.unlink(path)
    for name, wrap, tool in ways:
        with bench.part("deleted-" + name):
            check_finds_the_stall(traced(bench, pid, wrap, tool))
    os.mkdir(path)
    with bench.part("a-folder-in-its-place"):
        check_finds_the_stall(traced(bench, pid, []))
    target.finish()


# --- the tool in a container


def _in_container(bench, pid_options=(), caps=CONTAINER_CAPS):
    """Wraps a command as packaging/kubernetes runs it: a read-only root, /proc, /sys and /dev, no
    new privileges, these capabilities."""
    root = os.path.join(bench.folder, "root")
    script = """
        mkdir -p {0}; mount --bind / {0}; mount -o remount,bind,ro {0}; mount --bind {1} {0}{1}
        mount -t proc proc {0}/proc; mount -t sysfs -o ro sysfs {0}/sys
        mount -t tmpfs tmpfs {0}/tmp
        mount --bind /dev {0}/dev; cd {0}; pivot_root . mnt; umount -l mnt; exec "$@"
    """.format(
        root, bench.folder
    )
    return (
        ["unshare", "-m", *pid_options, "sh", "-ec", script, "sh"]
        + as_root_with(caps)
        + ["--no-new-privs"]
    )


@live(on="once")
def tool_in_a_container_of_the_host(bench):
    """The DaemonSet: a process of the host, and one in a container of its own."""
    tool = public_tool(bench)
    command = as_user(OTHER) + bench.python.command + ["-u", public_program(bench)]
    _, host_pid, _ = _start(bench, command)
    _, other_pid, inner = _start(
        bench, CONTAINER + _other_python(bench).command + ["-u", public_program(bench)]
    )
    wrap = _in_container(bench)
    listing = subprocess.run(
        wrap + ["ls", "/sys/kernel/tracing", "/sys/fs/bpf"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
    ).stdout.decode()
    check("trace_pipe" not in listing, "tracefs is there: %s", listing)
    with bench.part("host"):
        check_finds_the_stall(traced(bench, host_pid, wrap, tool))
    with bench.part("container"):
        run = traced(bench, other_pid, wrap, tool)
        check_finds_the_stall(run)
        check_equal(run.start_line["targets"][0]["container_pid"], inner, "pid inside")
    with bench.part("doctor"):
        done = subprocess.run(
            wrap + [tool, "doctor", "-p", str(host_pid)],
            stdout=subprocess.PIPE,
            cwd="/",
            timeout=30,
        )
        check_equal(done.returncode, 0, "exit code of doctor (%s)" % done.stdout.decode())
    with bench.part("ls"):
        done = subprocess.run(
            wrap + [tool, "ls", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            timeout=30,
        )
        pids = [json.loads(line)["pid"] for line in done.stdout.splitlines()]
        check({host_pid, other_pid} <= set(pids), "ls shows %r", pids)


@live(on="once")
def tool_in_a_container_of_its_own(bench):
    """Without hostPID it says what is wrong at once."""
    tool = public_tool(bench)
    wrap = _in_container(bench, ("--pid", "--fork", "--kill-child"))
    script = "%s -u %s </dev/zero >/dev/null & exec %s trace -p $! -d 1s" % (
        bench.python.path,
        public_program(bench),
        tool,
    )
    done = subprocess.run(
        wrap + ["sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=20,
        cwd="/",
        env=bench.python.env,
    )
    check_equal(done.returncode, 3, "exit code (%s)" % done.stderr.decode())
    check(b"pid namespace" in done.stderr, "it says %r", done.stderr)
    done = subprocess.run(
        wrap + [tool, "doctor", "--json"], stdout=subprocess.PIPE, timeout=20, cwd="/"
    )
    check_equal(done.returncode, 3, "exit code of doctor")
    message = json.loads(done.stdout)
    check_equal(
        [message["docker"], message["kubernetes"]],
        ["docker run --pid=host ...", "spec: {hostPID: true}"],
        "lines",
    )
