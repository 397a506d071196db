#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Prints where this machine's own apt gets its Debian from: other suites lie there too. Asks no
# network.
set -eu

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get --print-uris update |
    sed -n "s|^'\(.*\)/dists/$codename/InRelease'.*|\1|p" | head -n 1)
if [ -z "$mirror" ]; then
    echo "apt's configuration names no Debian mirror for '$codename'" >&2
    exit 1
fi
echo "$mirror"
