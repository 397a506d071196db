#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes a tree of another Debian suite, with packages in it: interpreters that this suite lacks, to
# be run with chroot. Quick and silent when the tree is there already. Needs root.
#
#     debian_tree.sh SUITE FOLDER PACKAGE...
#
# Packages that the suite has not (any more) are left out; whoever needs them says so.
set -eu

suite=$1 folder=$2
shift 2
stamp=$folder/.packages
[ "$(cat "$stamp" 2>/dev/null || true)" != "$*" ] || exit 0

here=$(dirname "$0")
. "$here/logged.sh"
mirror=$("$here/mirror.sh")
new=$folder.new
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rm -rf --one-file-system "$folder" "$new"
mkdir -p "$new"

fetch() {
    debootstrap --variant=minbase "$suite" "$new" "$mirror"
    available=
    for package in "$@"; do
        ! chroot "$new" apt-cache show "$package" >/dev/null 2>&1 || available="$available $package"
    done
    # shellcheck disable=SC2086 # the list is made of words on purpose
    chroot "$new" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $available
    chroot "$new" apt-get clean
}

echo "fetching Debian $suite:$(printf ' %s' "$@")"
logged "$log" "cannot make a tree of Debian $suite" fetch "$@"
echo "$*" >"$new/.packages"
mv "$new" "$folder"
