#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Packs the files below WORK/usr. Called by dist.mk in the folder of the sources.
#
#     make_rpm.sh WORK OUT VERSION MACHINE EPOCH
set -eu

work=$(cd "$1" && pwd) out=$2
log=$work/log
export SOURCE_DATE_EPOCH="$5"
# Dates, host and compression are set, because they would tell where and when it was built.
if ! rpmbuild -bb --target "$4-linux" --define "_topdir $work/top" --define "own_version $3" \
        --define "own_tree $work/usr" --define "_rpmdir $work/out" --define "_prefix /usr" \
        --define "use_source_date_epoch_as_buildtime 1" \
        --define "clamp_mtime_to_source_date_epoch 1" --define "_buildhost localhost" \
        --define "_binary_payload w9.gzdio" --define "__os_install_post %{nil}" \
        --define "debug_package %{nil}" packaging/rpm/loopstall.spec >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "cannot build the rpm: $log" >&2
    exit 1
fi
cp "$work"/out/*/*.rpm "$out"
