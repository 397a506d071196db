#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs a command inside another Debian tree, where the folders that the tests and their programs
# share lie at the same paths as outside. To be run in a mount namespace of its own (unshare -m),
# with which all of this goes.
#
#     enter_tree.sh TREE SHARED_FOLDER... -- COMMAND...
set -eu

tree=$1
shift
mount --rbind /proc "$tree/proc"
mount --rbind /dev "$tree/dev"
while [ "$1" != -- ]; do
    mkdir -p "$tree$1"
    mount --bind "$1" "$tree$1"
    shift
done
shift
exec chroot "$tree" "$@"
