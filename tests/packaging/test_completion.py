# SPDX-License-Identifier: BSD-2-Clause
"""The installed completion in real shells: what each offers behind a command line."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

from building import new_folder
from test_install import installed

ZSH_SECONDS = 20


def environment(**more):
    """The installed program comes first in PATH; HOME holds no settings of the user."""
    return {
        **os.environ,
        "PATH": os.path.join(installed(), "bin") + ":" + os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "XDG_CONFIG_HOME": "/nonexistent",
        **more,
    }


def bash(line, folder="/"):
    """Calls the function that `complete -p` names, as readline would, with the words of the
    line."""
    script = f"""
source {installed()}/share/bash-completion/completions/loopstall
complete -p loopstall | grep -qx 'complete -F _loopstall loopstall' || exit 9
read -r -a COMP_WORDS <<<{quote(re.sub("=", " = ", line))}
[[ {quote(line)} == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_loopstall
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(),
    )
    assert done.returncode == 0, done
    assert "compopt" not in done.stderr or "not currently executing" in done.stderr, done.stderr
    return set(done.stdout.split("\n")) - {""}


def fish(line, folder="/"):
    done = subprocess.run(
        [
            "fish",
            "--no-config",
            "-c",
            f"source {installed()}/share/fish/vendor_completions.d/loopstall.fish; "
            f"complete -C {quote(line)}",
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(HOME=new_home()),
    )
    assert done.returncode == 0 and not done.stderr, done
    return {offer.split("\t")[0] for offer in done.stdout.split("\n")} - {""}


def zsh(line, folder="/"):
    """Types the line and two tabs into an interactive shell, and returns the words it shows."""
    process, fd = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment(TERM="dumb"))
    try:
        os.write(
            fd,
            (
                f"stty cols 400 rows 200; PS1=; fpath=({installed()}/share/zsh/site-functions "
                "$fpath); "
                "autoload -U compinit; compinit -D -u; LISTMAX=9999; unsetopt prompt_sp prompt_cr; "
                "echo READ''Y\n"
            ).encode(),
        )
        read_until(fd, "READY")
        os.write(fd, (line + "\t\t").encode())
        shown = read_until(fd, None)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(fd)
    return set(re.split(r"[\s=\x07]+", shown))


def read_until(fd, mark, quiet_s=1.0):
    """What comes up to the mark; without one, until nothing has come for a while after the
    first."""
    text, end = "", time.monotonic() + ZSH_SECONDS
    while time.monotonic() < end:
        if select.select([fd], [], [], quiet_s)[0]:
            text += os.read(fd, 65536).decode(errors="replace")
        elif mark is None and "\n" in text:
            break
        if mark and mark in text:
            break
    return text


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def new_home():
    if not hasattr(new_home, "path"):
        new_home.path = new_folder("home")
    return new_home.path


def in_every_shell(line, wanted, unwanted=(), folder="/"):
    for shell in (bash, zsh, fish):
        offers = shell(line, folder)
        # A shell may put what was typed before the last comma into each offer, or leave it out.
        last = {offer.rsplit(",", 1)[-1] for offer in offers} | offers
        assert set(wanted) <= last, (shell.__name__, line, set(wanted) - last, offers)
        assert not set(unwanted) & last, (shell.__name__, line, offers)


def test_commands():
    in_every_shell(
        "loopstall ",
        ("top", "trace", "record", "report", "check", "ls", "doctor", "completion"),
        ("--threshold",),
    )


def test_options_of_a_command():
    in_every_shell(
        "loopstall record --",
        ("--output", "--max-size", "--pid", "--json"),
        ("--screen", "--format"),
    )
    in_every_shell("loopstall check --max", ("--max-step", "--max-turn"), ("--min-steps",))


def test_words_of_an_option():
    in_every_shell("loopstall trace --mode ", ("auto", "exact", "light"))
    for shell in (bash, zsh, fish):
        assert any("light" in offer for offer in shell("loopstall trace --mode=")), shell.__name__
    in_every_shell("loopstall report -f ", ("text", "perfetto", "csv-stalls"))
    in_every_shell("loopstall top --screen ", ("stalls", "victims"), ("detail",))
    in_every_shell("loopstall completion ", ("bash", "zsh", "fish"))


def test_lists():
    in_every_shell("loopstall check --deny cpu,", ("sleep", "network"), ("runqueue",))
    in_every_shell(
        "loopstall top --no-lint cpu-hog,s", ("sync-dns", "subprocess-in-loop"), ("gil-contended",)
    )


def test_files_and_folders():
    folder = new_folder("completion-files")
    for name in ("first.ls", "second recording.ls"):
        open(os.path.join(folder, name), "w").close()
    os.mkdir(os.path.join(folder, "sources"))
    in_every_shell("loopstall report --diff ", ("first.ls",), folder=folder)
    in_every_shell("loopstall top ", ("first.ls",), folder=folder)
    assert "second recording.ls" in bash("loopstall top s", folder)
    # One offer alone is put into the line at once, so zsh is asked where there are two.
    os.mkdir(os.path.join(folder, "scripts"))
    for shell in (bash, zsh, fish):
        offers = {offer.rstrip("/") for offer in shell("loopstall check --root ", folder)}
        assert {"sources", "scripts"} <= offers and "first.ls" not in offers, (
            shell.__name__,
            offers,
        )


def test_pids_of_python_processes():
    sleepers = [
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2)
    ]
    other = subprocess.Popen(["sleep", "60"])
    try:
        time.sleep(0.3)
        pids = tuple(str(sleeper.pid) for sleeper in sleepers)
        in_every_shell("loopstall trace -p ", pids, (str(other.pid),))
        in_every_shell("loopstall doctor --pid 1,", pids)
    finally:
        for process in (*sleepers, other):
            process.kill()
            process.wait()


def test_a_command_to_start():
    folder = new_folder("completion-program")
    for name in ("loopstall-test-first", "loopstall-test-second"):
        path = os.path.join(folder, name)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n")
        os.chmod(path, 0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = folder + ":" + path
    try:
        in_every_shell(
            "loopstall trace -- loopstall-test-",
            ("loopstall-test-first", "loopstall-test-second"),
            ("--threshold",),
        )
    finally:
        os.environ["PATH"] = path
