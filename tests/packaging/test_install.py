# SPDX-License-Identifier: BSD-2-Clause
"""make install and uninstall: which files, and that the man page renders."""

import functools
import os
import subprocess

from building import BUILD, ROOT, make, new_folder

FILES = {
    "bin/loopstall": 0o755,
    "share/man/man8/loopstall.8": 0o644,
    "share/bash-completion/completions/loopstall": 0o644,
    "share/zsh/site-functions/_loopstall": 0o644,
    "share/fish/vendor_completions.d/loopstall.fish": 0o644,
}


def files_below(folder):
    return {
        os.path.relpath(os.path.join(path, name), folder): os.stat(os.path.join(path, name)).st_mode
        & 0o777
        for path, _, names in os.walk(folder)
        for name in names
    }


def run_make(goal, folder, *variables):
    done = make("BUILD=" + BUILD, "DESTDIR=" + folder, goal, *variables)
    assert done.returncode == 0, done.stderr


@functools.cache
def installed():
    folder = new_folder("destdir")
    run_make("install", folder, "prefix=/usr")
    return os.path.join(folder, "usr")


def test_files():
    assert files_below(installed()) == FILES


def test_folders_are_chosen():
    folder = new_folder("chosen")
    run_make(
        "install",
        folder,
        "prefix=/opt/x",
        "bindir=/opt/x/sbin",
        "mandir=/opt/x/man",
        "zshcompdir=/zsh",
    )
    assert {"opt/x/sbin/loopstall", "opt/x/man/man8/loopstall.8", "zsh/_loopstall"} < set(
        files_below(folder)
    )


def test_uninstall_leaves_nothing():
    folder = new_folder("uninstalled")
    run_make("install", folder)
    assert files_below(folder)
    run_make("uninstall", folder)
    assert files_below(folder) == {}


def test_man_page_has_no_warning():
    page = os.path.join(installed(), "share/man/man8/loopstall.8")
    done = subprocess.run(
        ["man", "--warnings=all", "--encoding=UTF-8", "-l", page],
        capture_output=True,
        text=True,
        env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""},
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    for heading in (
        "NAME",
        "SYNOPSIS",
        "OPTIONS",
        "KEYS",
        "FILES",
        "EXIT STATUS",
        "EXAMPLES",
        "SEE ALSO",
    ):
        assert f"\n{heading}\n" in done.stdout, heading


def test_man_page_is_found():
    """By its name and by what it is about, as installed."""
    env = {**os.environ, "MANPATH": os.path.join(installed(), "share/man")}
    done = subprocess.run(["man", "-w", "loopstall"], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == os.path.join(
        installed(), "share/man/man8/loopstall.8"
    ), done.stderr
    done = subprocess.run(
        ["lexgrog", os.path.join(installed(), "share/man/man8/loopstall.8")],
        capture_output=True,
        text=True,
    )
    assert "loopstall - find what starves the event loop" in done.stdout, done.stdout


def test_cross_build_installs_no_completion():
    """Nothing could run the program that writes it. Shown, not done: the build itself would need
    another machine."""
    done = make(
        "-n",
        "BUILD=" + new_folder("cross"),
        "HOST=aarch64-linux-gnu",
        "ARCH=x86",
        "install",
        folder=ROOT,
    )
    assert "loopstall.8" in done.stdout and "completions/" not in done.stdout, done.stdout[-500:]
