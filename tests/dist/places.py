# SPDX-License-Identifier: BSD-2-Clause
"""Where packages are installed and used: a folder with nothing in it, a Debian tree, a virtual
environment. Also the service that is measured there, and what is asked of every program."""

import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
ROOT = os.path.dirname(TESTS)
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
DIST = os.path.join(BUILD, "dist")
# Those of all architectures.
ALL = os.path.join(BUILD, "dist-all")
STATIC = os.path.join(BUILD, "static", "loopstall")
DYNAMIC = os.path.join(BUILD, "loopstall")
SERVICE = os.path.join(HERE, "stalls.py")
STALL_NS = 30_000_000
# What a package manager notes for itself, and what the kernel shows.
VOLATILE = ("proc", "sys", "dev", "run", "tmp", "var/cache", "var/lib", "var/log")
# In a mount namespace of its own, so that all of it is gone with the command. $0 is the root, $1
# the folder below an overlay or nothing.
ENTER = """
set -e
root=$0 lower=$1
shift
if [ -n "$lower" ]; then
    mkdir -p "$root.upper" "$root.work"
    mount -t overlay overlay -o "lowerdir=$lower,upperdir=$root.upper,workdir=$root.work" "$root"
fi
for folder in proc sys dev; do
    [ ! -d "$root/$folder" ] || mount --rbind "/$folder" "$root/$folder"
done
exec /usr/sbin/chroot "$root" "$@"
"""


@functools.cache
def scratch():
    path = tempfile.mkdtemp(prefix="loopstall-dist-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def package(start, end, folder=DIST):
    """The one file there with such a name."""
    (name,) = [n for n in os.listdir(folder) if n.startswith(start) and n.endswith(end)]
    return os.path.join(folder, name)


class Place:
    """A root folder; with `tree`, that tree, of which nothing is changed."""

    def __init__(self, name, tree=None):
        self.root = os.path.join(scratch(), name)
        self.tree = tree
        os.makedirs(os.path.join(self.root))
        if not tree:
            for folder in ("proc", "sys"):
                os.makedirs(os.path.join(self.root, folder))

    def _command(self, command):
        return ["unshare", "--mount", "sh", "-c", ENTER, self.root, self.tree or "", *command]

    def run(self, *command, check=True, text=True, **env):
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        proxies = {n: v for n, v in os.environ.items() if n.lower().endswith("_proxy")}
        done = subprocess.run(
            self._command(command),
            env={**environment, **proxies, "HOME": "/root", **env},
            capture_output=True,
            text=text,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def terminal_command(self, *command):
        return self._command(command)

    def put(self, source, path):
        """Copies a file to a path of the place."""
        below = self.root + ".upper" if self.tree else self.root
        target = os.path.join(below, path.lstrip("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)

    def files(self):
        """All that are there, but what changes by itself."""
        prune = [word for path in VOLATILE for word in ("-path", "./" + path, "-o")][:-1]
        found = self.run("find", ".", "(", *prune, ")", "-prune", "-o", "-print").stdout
        return set(found.split("\n"))


@functools.cache
def debian(suite):
    """The tree of a suite. `make interpreters` has made that of the newer one."""
    tree = os.path.join(BUILD, "debian", suite)
    if suite == "bookworm":
        packages = ("python3", "man-db", "bash-completion", "zsh", "fish")
        script = os.path.join(TESTS, "debian_tree.sh")
        subprocess.run([script, suite, tree, *packages], check=True)
    return os.path.realpath(tree)


@functools.cache
def service():
    """Starts the service once; returns its process id."""
    process = subprocess.Popen(["/usr/bin/python3", SERVICE])
    atexit.register(process.kill)
    time.sleep(0.5)
    assert process.poll() is None
    return process.pid


def stall_line():
    with open(SERVICE) as f:
        return next(number for number, line in enumerate(f, 1) if "# the stall" in line)


def assert_finds_the_stall(output):
    records = [json.loads(line) for line in output.splitlines()]
    stalls = [r for r in records if r["type"] == "stall" and r["cause"] == "sleep"]
    # The first one may have begun before the attach, and is shorter then.
    stalls = [r for r in stalls if r["duration_ns"] >= STALL_NS]
    assert stalls, output[-2000:]
    assert stalls[0]["own"]["function"] == "fetch_rate"
    assert stalls[0]["own"]["line"] == stall_line()


def assert_works(run, program="loopstall"):
    """`run` runs a command where the program is, and returns the finished process."""
    assert version() in run(program, "--version").stdout
    assert "attaching works" in run(program, "doctor").stdout
    pid = str(service())
    assert f" {pid} " in run(program, "ls").stdout
    trace = run(program, "trace", "-p", pid, "-d", "1s", "--json")
    assert_finds_the_stall(trace.stdout)


def assert_documented(place):
    """The manual is found, and each shell completes a command."""
    page = place.run("man", "loopstall", MANWIDTH="80", LC_ALL="C.UTF-8").stdout
    assert "loopstall - find what starves the event loop" in " ".join(page.split()), page[:500]
    bash = place.run(
        "bash",
        "-c",
        ". /usr/share/bash-completion/bash_completion; _completion_loader loopstall; "
        "complete -p loopstall; COMP_WORDS=(loopstall tra) COMP_CWORD=1; _loopstall; "
        "echo offers $COMPREPLY",
    ).stdout
    assert "-F _loopstall loopstall" in bash and "offers trace" in bash, bash
    zsh = place.run("zsh", "-c", "autoload -U compinit; compinit -D -u; print $_comps[loopstall]")
    assert zsh.stdout.strip() == "_loopstall", zsh
    # As a login sets it; without it fish knows no other folder than that of its own package.
    data = {"XDG_DATA_DIRS": "/usr/local/share:/usr/share"}
    fish = place.run("fish", "-c", "complete -C 'loopstall tra'", **data).stdout
    assert fish.startswith("trace\t"), fish


@functools.cache
def version():
    done = subprocess.run([DYNAMIC, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


