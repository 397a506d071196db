#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Says in one sentence what a build lacks, with the Debian packages that have it. Silent when
# nothing is missing. Installs nothing.
#
#   requirements.sh [--tools] LIBRARY:PACKAGE...
#
# LIBRARY is pkg-config's name. With --tools, checks the tools CC, CLANG and BPFTOOL of the
# environment as well, and the architecture: MACHINE must be one of those SUPPORTED.
set -eu

missing=
packages=

add() { # what, Debian package
    missing="$missing${missing:+, }$1"
    packages="$packages $2"
}

# The value of CC may be several words, as in "ccache gcc" or "gcc --sysroot=FOLDER".
has_tool() {
    for word in $1; do
        case $word in
        -*) ;;
        *) command -v "$word" >/dev/null 2>&1 || return 1 ;;
        esac
    done
}

has_header() {
    # shellcheck disable=SC2086 # CC may be several words
    echo "#include <$1>" | $CC -E - >/dev/null 2>&1
}

has_library() {
    # PKG_CONFIG may set a variable first.
    sh -c "$PKG_CONFIG --exists $1" 2>/dev/null
}

check_architecture() {
    [ -n "$MACHINE" ] || return 0
    case " $SUPPORTED " in
    *" $MACHINE "*) return 0 ;;
    esac
    list=$(echo "$SUPPORTED" | sed 's/ /, /g')
    echo "loopstall does not support $MACHINE: it supports $list" >&2
    exit 1
}

if [ "$1" = --tools ]; then
    shift
    check_architecture
    has_tool "$CC" || add "the compiler $CC" gcc
    has_tool "$CLANG" || add "$CLANG" clang
    has_tool "$BPFTOOL" || add "$BPFTOOL" bpftool
    if has_tool "$CC"; then
        has_header uthash.h || add uthash.h uthash-dev
        has_header libiberty/demangle.h || add libiberty libiberty-dev
    fi
fi
if has_tool "${PKG_CONFIG##* }"; then
    for library in "$@"; do
        has_library "${library%%:*}" || add "${library%%:*}" "${library##*:}"
    done
else
    add "${PKG_CONFIG##* }" pkg-config
fi
[ -n "$missing" ] || exit 0
echo "loopstall cannot be built here, missing: $missing;" \
    "on Debian: apt-get install$packages (or: make deps)" >&2
exit 1
