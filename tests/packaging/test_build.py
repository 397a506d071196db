# SPDX-License-Identifier: BSD-2-Clause
"""The Makefile's contract: what is missing is named, usual variables count, same sources give same
bytes."""

import filecmp
import glob
import json
import os
import shutil
import subprocess

from building import BUILD, ROOT, copy_sources, make, new_folder, user_variables

NO_APT = ("all", "unit-tests", "check", "install", "lint", "check-live", "compile_commands.json")


def stubs(**scripts):
    """A PATH that begins with the given shell scripts; each call is written to the file "calls"
    beside them."""
    folder = new_folder("stubs-" + "-".join(scripts))
    for name, script in scripts.items():
        path = os.path.join(folder, name.replace("_", "-"))
        with open(path, "w") as f:
            f.write(f'#!/bin/sh\necho "$0 $*" >>"{folder}/calls"\n{script}\n')
        os.chmod(path, 0o755)
    return folder


def calls(folder):
    path = os.path.join(folder, "calls")
    return open(path).read() if os.path.exists(path) else ""


def assert_stopped(done, *words):
    assert done.returncode, done.stdout
    for word in words:
        assert word in done.stderr, (word, done.stderr)
    assert "CC " not in done.stdout and "error:" not in done.stderr, (done.stdout, done.stderr)


def test_same_bytes_in_another_folder():
    folder = copy_sources("deeper/and-with-a-longer-name")
    done = make(f"-j{os.cpu_count()}", "BUILD=out", "dist", *user_variables(), folder=folder)
    assert done.returncode == 0, done.stderr
    # The second has the digests of all packages.
    for name in ("loopstall", "dist/SHA256SUMS"):
        one, other = os.path.join(folder, "out", name), os.path.join(BUILD, name)
        assert filecmp.cmp(one, other, shallow=False), (open(one).read(), open(other).read())


def test_same_bytes_of_a_cross_build_in_another_folder():
    folder = copy_sources("for-arm64")
    tree = os.path.join(BUILD, "arm64", "bookworm")
    done = make(
        f"-j{os.cpu_count()}",
        "BUILD=out",
        "HOST=aarch64-linux-gnu",
        "SYSROOT=" + tree,
        "EMULATOR=qemu-aarch64-static -L " + tree,
        "dist",
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    for name in ("loopstall", "dist/SHA256SUMS"):
        one, other = (os.path.join(f, name) for f in (folder + "/out", BUILD + "/arm64/build"))
        assert filecmp.cmp(one, other, shallow=False), (open(one).read(), open(other).read())


def test_missing_library_is_named():
    done = make("BUILD=" + new_folder("no-library"), PKG_CONFIG_LIBDIR=new_folder("no-pc-files"))
    assert_stopped(
        done, "missing: libbpf, libdw,", "apt-get install libbpf-dev libdw-dev", "make deps"
    )


def test_missing_test_library_is_named():
    done = make(
        "BUILD=" + new_folder("no-criterion"),
        "LIBRARIES=",
        "CC=gcc",
        "unit-tests",
        PKG_CONFIG_LIBDIR=new_folder("no-criterion-pc"),
    )
    assert_stopped(done, "missing: criterion, capstone;", "apt-get install libcriterion-dev")


def test_missing_tools_are_named():
    done = make("BUILD=" + new_folder("no-tools"), "CLANG=no-clang", "BPFTOOL=no-bpftool")
    assert_stopped(done, "missing: no-clang, no-bpftool;", "apt-get install clang bpftool")
    done = make("BUILD=" + new_folder("no-compiler"), "CC=no-compiler")
    assert_stopped(done, "missing: the compiler no-compiler;", "apt-get install gcc")
    done = make("BUILD=" + new_folder("no-pkg-config"), "PKG_CONFIG=no-pkg-config")
    assert_stopped(done, "missing: no-pkg-config;", "apt-get install pkg-config")


def test_tools_may_have_options():
    done = make("requirements", "CC=gcc -pipe", "CLANG=clang -v")
    assert done.returncode == 0, done.stderr
    done = make("requirements", "CC=no-compiler -pipe")
    assert_stopped(done, "missing: the compiler no-compiler -pipe;")


def test_building_installs_no_package():
    """With everything missing, no target but deps, test and demo asks apt-get."""
    folder = stubs(apt_get="exit 1", sudo="exit 1")
    for goal in NO_APT:
        make(
            "BUILD=" + new_folder("no-apt-" + goal),
            goal,
            PKG_CONFIG_LIBDIR=new_folder("no-pc-" + goal),
            PATH=folder + ":" + os.environ["PATH"],
        )
    assert calls(folder) == ""


def test_deps_ask_apt():
    folder = stubs(dpkg_query="exit 1", apt_get="exit 0", sudo='exec "$@"')
    done = make("deps", PATH=folder + ":" + os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    (install,) = [line for line in calls(folder).splitlines() if "/apt-get install" in line]
    for package in (
        "libbpf-dev",
        "pkg-config",
        "uthash-dev",
        "libcriterion-dev",
        "clang-format",
        "fish",
    ):
        assert f" {package}" in install, package


def sources_for_x86(name):
    """As they were before there was a second architecture."""
    folder = copy_sources(name)
    for path in glob.glob(os.path.join(folder, "*/arch/*")):
        if os.path.basename(path) not in ("arch.h", "regs.h", "x86.c", "x86.h"):
            os.remove(path)
    return folder


def test_other_architectures_stop_with_a_sentence():
    sources = sources_for_x86("x86")
    for host in ("aarch64-linux-gnu", "riscv64-linux-gnu"):
        done = make("BUILD=host-" + host, "HOST=" + host, folder=sources)
        assert_stopped(
            done, f"loopstall does not support {host.split('-')[0]}: it supports x86_64\n"
        )
    folder = stubs(aarch64_linux_gnu_gcc="echo aarch64-linux-gnu")
    done = make(
        "BUILD=cc-aarch64",
        "CC=aarch64-linux-gnu-gcc",
        folder=sources,
        PATH=folder + ":" + os.environ["PATH"],
    )
    assert_stopped(done, "loopstall does not support aarch64: it supports x86_64\n")


def test_headers_stop_other_architectures():
    """Where no Makefile does: one place on each side says the sentence."""
    user, kernel = '#include "arch/arch.h"\n', '#include "arch/regs.h"\n'
    clang = ["clang", "-target", "bpf", "-Iinclude", "-Ibpf"]
    for text, command in (
        (user, ["gcc", "-Isrc", "-U__x86_64__", "-U__aarch64__"]),
        (user, ["gcc", "-Isrc", "-D__ILP32__"]),
        (kernel, [*clang, "-D__TARGET_ARCH_riscv"]),
    ):
        done = subprocess.run(
            [*command, "-fsyntax-only", "-x", "c", "-"],
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
        )
        assert done.returncode, command
        assert "loopstall does not support this architecture: add src/arch/ARCH.c" in done.stderr


def test_a_new_architecture_is_a_file_on_each_side():
    """As CONTRIBUTING.md says. Their content is that of the first one; nothing is compiled."""
    folder = sources_for_x86("arm64")
    shutil.copy(os.path.join(folder, "src/arch/x86.c"), os.path.join(folder, "src/arch/arm64.c"))
    done = make("BUILD=one-side", "HOST=aarch64-linux-gnu", folder=folder)
    assert_stopped(done, "loopstall does not support aarch64: it supports x86_64\n")
    shutil.copy(os.path.join(folder, "bpf/arch/x86.h"), os.path.join(folder, "bpf/arch/arm64.h"))
    done = make("-n", "BUILD=both", "HOST=aarch64-linux-gnu", "all", folder=folder)
    assert " -c src/arch/arm64.c " in done.stdout and " -c src/arch/x86.c " not in done.stdout
    assert " -D__TARGET_ARCH_arm64 " in done.stdout
    done = make("BUILD=third", "HOST=riscv64-linux-gnu", folder=folder)
    assert_stopped(done, "loopstall does not support riscv64: it supports x86_64, aarch64\n")


def test_host_chooses_the_tools():
    """What make would run if there were a file for that architecture."""
    done = make("-n", "BUILD=" + new_folder("host-n"), "HOST=aarch64-linux-gnu", "ARCH=x86", "all")
    assert "aarch64-linux-gnu-gcc -std=gnu11" in done.stdout
    assert "-I/usr/include/aarch64-linux-gnu" in done.stdout
    assert (
        "PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig pkg-config"
        in done.stdout
    )
    done = make("-n", "BUILD=" + new_folder("host-native"), "HOST=x86_64-linux-gnu", "all")
    assert (
        "x86_64-linux-gnu-gcc -std=gnu11" in done.stdout and "PKG_CONFIG_LIBDIR" not in done.stdout
    )


def test_usual_variables_count():
    done = make(
        "-n",
        "BUILD=" + new_folder("variables"),
        "CPPFLAGS=-DFROM_CPPFLAGS",
        "CFLAGS=-O1 -DFROM_CFLAGS",
        "LDFLAGS=-Wl,--from-ldflags",
        "LDLIBS=-lfrom-ldlibs",
        "all",
    )
    compile_line = next(line for line in done.stdout.splitlines() if "-c src/base/err.c" in line)
    link_line = next(line for line in done.stdout.splitlines() if "-o " in line and "-ldw" in line)
    assert "-DFROM_CPPFLAGS" in compile_line and "-O1 -DFROM_CFLAGS" in compile_line
    assert "-Wl,--from-ldflags" in link_line and "-lfrom-ldlibs" in link_line
    # A distribution that sets the level itself gets no second one.
    done = make("-n", "BUILD=" + new_folder("fortify"), "CPPFLAGS=-D_FORTIFY_SOURCE=3", "all")
    assert "_FORTIFY_SOURCE=2" not in done.stdout and "_FORTIFY_SOURCE=3" in done.stdout


def test_compile_commands():
    folder = copy_sources("compile-commands")
    done = make("BUILD=" + BUILD, "compile_commands.json", *user_variables(), folder=folder)
    assert done.returncode == 0, done.stderr
    with open(os.path.join(folder, "compile_commands.json")) as f:
        commands = json.load(f)
    files = [command["file"] for command in commands]
    assert len(files) == len(set(files))
    listed = subprocess.run(
        ["git", "ls-files", "src/*.c", "bpf/*.bpf.c"], cwd=ROOT, capture_output=True, text=True
    )
    missing = {path for path in listed.stdout.split() if not path.startswith("src/arch/")} - set(
        files
    )
    assert not missing, missing
    for command in commands:
        assert command["directory"] == folder
        if command["file"] in ("src/base/err.c", "bpf/sched/sampler_clock.bpf.c"):
            subprocess.run(
                command["command"] + " -fsyntax-only", shell=True, cwd=folder, check=True
            )
