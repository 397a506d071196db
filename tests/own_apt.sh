#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs a command of apt for a Debian suite and an architecture with lists of packages of its own in
# FOLDER, as if nothing were installed: this machine's lists are left alone. Packages that it
# downloads for an installation lie in FOLDER/archives. Any user may do this.
#
#     own_apt.sh ARCHITECTURE SUITE FOLDER COMMAND [ARGUMENT...]
set -eu

architecture=$1 suite=$2 folder=$3
shift 3

# The mirror may be a snapshot, and its lists past their date. What apt reads itself is set on its
# command line, so that it keeps the machine's settings for the network.
with_own_lists() {
    command=$1
    shift
    "$command" -q -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State="$folder" -o Dir::State::status=/dev/null -o Dir::Cache="$folder" \
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none \
        -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
        -o APT::Sandbox::User="$(id -un)" "$@"
}

if [ ! -e "$folder/sources.list" ]; then
    mkdir -p "$folder/lists/partial" "$folder/archives/partial"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [arch=$architecture signed-by=$keys] $("$(dirname "$0")/mirror.sh") $suite main" \
        >"$folder/sources.list"
    with_own_lists apt-get update >&2
fi
with_own_lists "$@"
