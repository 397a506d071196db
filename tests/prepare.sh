#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs those of the named Debian packages that are missing. Quick and silent when none is; asks
# apt-get, through sudo when not root, only when one is.
set -eu

missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
# Of packages with a service only the programs are wanted.
services="prometheus prometheus-alertmanager prometheus-node-exporter"
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "missing packages:$missing; run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "installing:$missing"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
trap 'rm -f "$log"; [ -z "$made_policy" ] || $as_root rm -f "$policy"' EXIT
# Debian's way to keep packages from starting what they install.
if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi
# shellcheck disable=SC2086 # the list is made of words on purpose
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install:$missing" >&2
    exit 1
fi
for service in $services; do
    case " $missing " in
    *" $service "*) $as_root systemctl disable "$service" >/dev/null 2>&1 || true ;;
    esac
done
