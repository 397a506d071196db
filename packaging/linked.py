# SPDX-License-Identifier: BSD-2-Clause
"""Which Debian packages a static program has parts of, as the linker's map and dpkg know them.
Those of a cross build lie in a tree with a database of its own (tests/packages_tree.sh)."""

import functools
import os
import re
import subprocess

DOC = "/usr/share/doc"
DATABASE = "/var/lib/dpkg"
COMMON = "/usr/share/common-licenses"
# An archive of which a member was taken, or an object that was linked as a whole.
ARCHIVE = re.compile(r"^(/\S+\.a)\(", re.M)
START_FILE = re.compile(r"^LOAD (/\S+\.o)$", re.M)
# Packages whose text is compiled in, so that the linker does not see them: header, database.
COMPILED_IN = ("uthash-dev", "ncurses-base")
# What Debian's cross compiler has of its own is that of the compiler for the other machine.
CROSS = "-arm64-cross"
# The licences of the files that are linked in, by the package's name without numbers. What is not
# here stops the build: somebody has to read its licence first.
LICENSES = {
    "libbpf-dev": "LGPL-2.1-only OR BSD-2-Clause",
    "libc-dev": "LGPL-2.1-or-later",
    "libcap-ng-dev": "LGPL-2.1-or-later",
    "libcrypt-dev": "LGPL-2.1-or-later AND BSD-3-Clause AND LicenseRef-public-domain",
    "libdw-dev": "GPL-2.0-or-later OR LGPL-3.0-or-later",
    "libelf-dev": "GPL-2.0-or-later OR LGPL-3.0-or-later",
    "libgcc-dev": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgmp-dev": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libgnutls-dev": "LGPL-2.1-or-later",
    "libiberty-dev": "LGPL-2.0-or-later",
    "libinih-dev": "BSD-3-Clause",
    "libjansson-dev": "MIT",
    "liblzma-dev": "LicenseRef-public-domain",
    "libmicrohttpd-dev": "LGPL-2.1-or-later",
    "libncurses-dev": "X11-distribute-modifications-variant",
    "libseccomp-dev": "LGPL-2.1-only",
    "libtasn-dev": "LGPL-2.1-or-later",
    "libunistring-dev": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libyaml-dev": "MIT",
    "libzstd-dev": "BSD-3-Clause OR GPL-2.0-only",
    "ncurses-base": "X11-distribute-modifications-variant",
    "nettle-dev": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "uthash-dev": "BSD-1-Clause",
    "zlibg-dev": "Zlib",
}


class Component:
    """A Debian package, of this machine or of the tree below `root`."""

    def __init__(self, root, package):
        fields = "${Package}\n${Version}\n${source:Package}\n${source:Version}\n${Homepage}\n"
        answer = query(root, "-W", "-f", fields, package).stdout.split("\n")
        self._root = root
        self.name, self.version, self.source, self.source_version, self.homepage = answer[:5]
        name = re.sub(r"\d+", "", self.name.removesuffix(CROSS)).replace("--", "-")
        self.license = LICENSES.get(name)
        self.is_compiled_in = package in COMPILED_IN
        if not self.license:
            raise SystemExit(f"{self.name} is linked in: add its licence to packaging/linked.py")

    def copyright(self):
        with open(f"{self._root}{DOC}/{self.name}/copyright", "rb") as f:
            return f.read()


def query(root, *words):
    return subprocess.run(
        ["dpkg-query", f"--admindir={root}{DATABASE}", *words], capture_output=True, text=True
    )


def package_of(path, roots):
    """The root of the database that knows the file, and the package. Where /lib is a link to
    /usr/lib, dpkg knows a file by one of two names."""
    real = os.path.realpath(path)
    for root in roots:
        for name in (real, real.removeprefix("/usr")):
            done = query(root, "-S", name)
            if done.returncode == 0:
                return root, done.stdout.split(": ")[0]
    raise SystemExit(f"{real} is linked in and belongs to no package")


def compiled_in(package, roots):
    return next((r, package) for r in roots if query(r, "-W", package).returncode == 0)


@functools.cache
def components(map_path, sysroot):
    """Sorted by name. `sysroot` is that of a cross build, or empty."""
    with open(map_path) as f:
        text = f.read()
    roots = (sysroot, "") if sysroot else ("",)
    files = set(ARCHIVE.findall(text)) | set(START_FILE.findall(text))
    packages = {package_of(path, roots) for path in sorted(files)}
    packages |= {compiled_in(package, roots) for package in COMPILED_IN}
    return sorted((Component(*package) for package in packages), key=lambda c: c.name)


def common_licenses(texts):
    """The licences that Debian's texts refer to instead of having them: name to text."""
    names = set()
    for text in texts:
        names.update(re.findall(COMMON + r"/([A-Za-z]+(?:-[0-9.]*[0-9])?)", text.decode()))
    found = {}
    for name in sorted(names):
        with open(os.path.join(COMMON, name), "rb") as f:
            found[name] = f.read()
    return found


def built_using(map_path, sysroot):
    """As the field Built-Using of a package has it."""
    sources = {f"{c.source} (= {c.source_version})" for c in components(map_path, sysroot)}
    return ", ".join(sorted(sources))
