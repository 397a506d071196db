#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the Debian packages below BUILD/deb, in a copy of the sources with the objects of BUILD:
# those of the Debian packages have the same bytes, and are not compiled a second time. Called by
# dist.mk in the folder of the sources. HOST, SYSROOT and EMULATOR are those of the Makefile, empty
# if it is no cross build.
#
#     make_deb.sh BUILD OUT
set -eu

build=$1 out=$2
export HOST SYSROOT EMULATOR
work=$build/deb
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/debian/changelog)
folder=$work/loopstall-$version
rm -rf "$work"
mkdir -p "$folder"
cp -a Makefile CHANGELOG.md LICENSE README.md src bpf include docs scripts packaging "$folder"
cp -a packaging/debian "$folder/debian"
mkdir -p "$folder/build/obj"
cp -a "$build/bpf" "$build/gen" "$folder/build"
for module in src/*; do
    cp -a "$build/obj/${module#src/}" "$folder/build/obj"
done
log=$work/log
# The variables of a make above are for another build.
unset MAKEFLAGS MAKELEVEL MFLAGS BUILD CFLAGS SOURCE_DATE_EPOCH
# What a tree has is not installed, so -d: dpkg would miss it.
if ! (cd "$folder" && dpkg-buildpackage ${HOST:+-t "$HOST"} ${SYSROOT:+-d} -b -nc -us -uc) \
        >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "cannot build the Debian packages: $log" >&2
    exit 1
fi
cp "$work"/*.deb "$out"
