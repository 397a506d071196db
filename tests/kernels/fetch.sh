#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Puts the kernel of a Debian suite into a folder, as vmlinuz, without installing it: apt works
# there with lists of its own, and this machine's are left alone. Quick and silent when it is there
# already. Any user may do this.
#
#     fetch.sh SUITE FOLDER
set -eu

suite=$1
[ ! -e "$2/vmlinuz" ] || exit 0
mkdir -p "$2"
folder=$(cd "$2" && pwd)
mirror=$("$(dirname "$0")/../mirror.sh")
work=$folder/work
log=$folder/log
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial"
trap 'rm -rf "$work"' EXIT

keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $suite main" >"$work/sources.list"

# The mirror may be a snapshot, and its lists past their date. What apt reads itself is set on its
# command line, so that it keeps the machine's settings for the network.
with_own_lists() {
    command=$1
    shift
    "$command" -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State="$work" -o Dir::State::status=/dev/null -o Dir::Cache="$work" \
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none \
        -o APT::Sandbox::User="$(id -un)" "$@"
}

fetch() {
    cd "$work"
    with_own_lists apt-get update
    package=$(with_own_lists apt-cache depends linux-image-cloud-amd64 |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*-cloud-amd64\)$/\1/p')
    with_own_lists apt-get download "$package"
    dpkg-deb -x linux-image-*.deb tree
    mv tree/boot/vmlinuz-* "$folder/vmlinuz"
}

echo "fetching the kernel of Debian $suite"
# An && would switch off the shell's own stop at the first failure inside.
set +e
(set -e; fetch) >"$log" 2>&1
failed=$?
set -e
if [ "$failed" -ne 0 ]; then
    tail -n 20 "$log" >&2
    echo "cannot fetch the kernel of Debian $suite" >&2
    exit 1
fi
