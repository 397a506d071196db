# SPDX-License-Identifier: BSD-2-Clause
"""The systemd units in packaging/systemd: sound by systemd's own word, and enough to measure with,
in a sandbox made of their settings. Where systemd runs, it starts them as well. The DaemonSet in
packaging/kubernetes, in a container of its settings."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import cgroups
import yaml
from lib import ROOT, check, check_equal, live, status_of, wait_for
from privileges import OTHER, USER, caps_of, public_program, public_tool, steady_of
from test_containers import _in_container as in_container
from test_flight import _fly as fly
from test_flight import _stalls as stalls_of
from test_flight import _wait_file as wait_file
from test_serve import Server, total, value
from units import Unit

RECORDER = "loopstall-recorder@.service"
SERVE = "loopstall.service"
WORST_TENTHS = 19  # of exposure: under 2.0


@live(on="once")
def units_are_sound(bench):
    for name in (RECORDER, SERVE):
        with bench.part(name):
            Unit(name).check_sound(bench, WORST_TENTHS)


BREAKS = {
    "a namespace": "ctypes.CDLL(None).unshare(0x10000000)",
    "code in memory": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "a raw socket": "socket.socket(socket.AF_PACKET)",
    "a module": "ctypes.CDLL(None).syscall(175, 0, 0, 0)",
}


@live(on="once")
def the_filter_of_a_unit_ends_who_breaks_it(bench):
    """Otherwise the next two cases would show nothing."""
    for name in (RECORDER, SERVE):
        wrap = Unit(name).wrap(bench)
        for what, code in BREAKS.items():
            words = [*wrap, "/usr/bin/python3", "-c", "import ctypes, mmap, socket; " + code]
            check_equal(bench.start(words).wait(20), -signal.SIGSYS, "end of " + what)


@live(on="once")
def the_recorder_works_in_its_unit(bench):
    # A path of its own: cases that run beside this one have a steady.py, too.
    target, name = steady_of(bench, OTHER), public_program(bench)
    folder = os.path.join(bench.folder, "flight")
    os.mkdir(folder)
    wrap = Unit(RECORDER).wrap(bench)
    tool = fly(bench, folder, "-n", name, "--on-exit", program=[*wrap, public_tool(bench)])
    time.sleep(1.5)
    tool.signal(signal.SIGUSR1)
    check(stalls_of(bench, wait_file(folder, "signal")), "nothing in it")
    target.signal(signal.SIGKILL)
    check(stalls_of(bench, wait_file(folder, "exit")), "nothing in the last one")
    tool.signal(signal.SIGTERM)
    check_equal(tool.wait(15), 0, "exit code (stderr: %s)" % tool.stderr)


def _child_of(server):
    with open("/proc/%d/task/%d/children" % (server.tool.pid, server.tool.pid)) as file:
        (child,) = [int(word) for word in file.read().split()]
    return child


def _check_serving(bench, unit):
    """Processes of another user and of root are measured; nobody has more than he needs. Returns
    the user of the child that speaks HTTP."""
    target, of_root = steady_of(bench, OTHER), steady_of(bench, 0)
    server = Server(bench, "--all", program=[*unit.wrap(bench), public_tool(bench)])
    wait_for(
        lambda: total(server.scrape(), "loopstall_stalls_total", cause="sleep") > 3, 20, "stalls"
    )
    scraped = server.scrape()
    for pid in (target.pid, of_root.pid):
        got = value(scraped, "loopstall_process_info", pid=str(pid), service="steady.py")
        check_equal(got, 1, "process %d" % pid)
    lines = [dict(l)["site"] for n, l in scraped if n == "loopstall_site_stalls_total"]
    check(any("steady.py:" in line for line in lines), "sites %r", lines)
    allowed = set(unit["CapabilityBoundingSet"].split())
    check_equal(caps_of(server.tool.pid, "CapPrm") - allowed, set(), "capabilities")
    child = _child_of(server)
    check_equal(caps_of(child, "CapPrm"), set(), "capabilities of the child that speaks HTTP")
    uid = int(status_of(child)["Uid"].split()[0])
    server.close()
    return uid


@live(on="once", lane="alone")
def serving_works_in_its_unit(bench):
    check_equal(_check_serving(bench, Unit(SERVE)), USER, "user of the child")


@live(on="once", lane="alone")
def serving_works_as_root(bench):
    unit = Unit(SERVE, "loopstall-root.conf")
    check(61184 <= _check_serving(bench, unit) <= 65519, "the child has no user of its own")


POD, CONTAINER_ID = "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9", "4f1a" * 16


@contextlib.contextmanager
def _pod(pid):
    """The process in a control group as the kubelet and containerd make it."""
    root = cgroups.new_freezer()
    check(root is not None, "there is no control group of version 2")
    slice_ = os.path.join(root, "kubepods-pod%s.slice" % POD.replace("-", "_"))
    scope = os.path.join(slice_, "cri-containerd-%s.scope" % CONTAINER_ID)
    os.makedirs(scope)
    try:
        cgroups.write(scope, "cgroup.procs", str(pid))
        yield
    finally:
        with open(os.path.join(scope, "cgroup.procs")) as file:
            left = file.read().split()
        for word in left:
            cgroups.write(os.path.dirname(root), "cgroup.procs", word)
        for folder in (scope, slice_, root):
            os.rmdir(folder)


def _container():
    path = os.path.join(ROOT, "packaging", "kubernetes", "daemonset.yaml")
    with open(path) as file:
        (found,) = [o for o in yaml.safe_load_all(file) if o["kind"] == "DaemonSet"]
    return found["spec"]["template"]["spec"]["containers"][0]


@live(on="once", lane="alone")
def the_daemonset_serves(bench):
    """Its arguments and capabilities; what it says of a pod is what kube-state-metrics says."""
    container = _container()
    caps = ["CAP_" + name for name in container["securityContext"]["capabilities"]["add"]]
    target = steady_of(bench, OTHER)
    args = [word for word in container["args"] if word not in ("serve", "--listen")]
    listen = args.pop(args.index("0.0.0.0:%d" % container["ports"][0]["containerPort"]))
    with _pod(target.pid):
        program = [*in_container(bench, caps=caps), public_tool(bench)]
        server = Server(bench, *args, listen=listen.rpartition(":")[0] + ":0", program=program)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            server.get(container[probe]["httpGet"]["path"])
        labels = {"pod_uid": POD, "container_id": "containerd://" + CONTAINER_ID}
        wait_for(
            lambda: total(server.scrape(), "loopstall_stalls_total", cause="sleep", **labels) > 1,
            20,
            "stalls of the pod",
        )
        uid = int(status_of(_child_of(server))["Uid"].split()[0])
        check(61184 <= uid <= 65519, "the part that speaks HTTP has user %d", uid)
        server.close()


def _start_unit(bench):
    target = bench.target("steady.py")
    target.hear("ready")
    name = "loopstall-recorder-test-%d@steady.py.service" % os.getpid()
    path = "/run/systemd/system/%s@.service" % name.split("@")[0]
    state = "/var/lib/" + name.split("@")[0]
    with open(path, "w") as copy:
        text = Unit(RECORDER).text_for(public_tool(bench))
        copy.write(text.replace("StateDirectory=loopstall", "StateDirectory=%s" % state[9:]))
    try:
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "start", name], check=True)
        time.sleep(3)
        subprocess.run(["systemctl", "kill", "-s", "USR1", name], check=True)
        check(stalls_of(bench, wait_file(state, "signal")), "nothing in it")
    finally:
        subprocess.run(["systemctl", "stop", name])
        os.unlink(path)
        subprocess.run(["systemctl", "daemon-reload"])
        shutil.rmtree(state, ignore_errors=True)


# A container has no systemd that runs; there the cases above are all that can be checked.
if os.path.isdir("/run/systemd/system"):

    @live(on="once")
    def started_by_systemd(bench):
        _start_unit(bench)
