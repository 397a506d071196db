#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Puts the kernel of a Debian suite for an architecture into a folder, as vmlinuz, without
# installing it. Quick and silent when it is there already. Any user may do this.
#
#     fetch.sh ARCHITECTURE SUITE FOLDER
set -eu

architecture=$1 suite=$2
[ ! -e "$3/vmlinuz" ] || exit 0
mkdir -p "$3"
folder=$(cd "$3" && pwd)
tests=$(cd "$(dirname "$0")/.." && pwd)
. "$tests/logged.sh"
work=$folder/work
log=$folder/log
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

apt() {
    "$tests/own_apt.sh" "$architecture" "$suite" "$work" "$@"
}

fetch() {
    cd "$work"
    package=$(apt apt-cache depends "linux-image-cloud-$architecture" |
        sed -n "s/^ *Depends: \(linux-image-[0-9].*-cloud-$architecture\)$/\1/p")
    apt apt-get download "$package"
    dpkg-deb -x linux-image-*.deb tree
    mv tree/boot/vmlinuz-* "$folder/vmlinuz"
}

echo "fetching the $architecture kernel of Debian $suite"
logged "$log" "cannot fetch the $architecture kernel of Debian $suite" fetch
