#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Unpacks Debian packages of another architecture, with all that they depend on, into a folder: to
# build against, and to take files for emulated machines from. Nothing is installed, and no script
# of a package runs. Quick and silent when the tree is there already. Any user may do this.
#
#     packages_tree.sh ARCHITECTURE SUITE FOLDER PACKAGE...
set -eu

architecture=$1 suite=$2 folder=$3
shift 3
stamp=$folder/.packages
mkdir -p "$(dirname "$folder")"
place=$(cd "$(dirname "$folder")" && pwd)/$(basename "$folder")
[ "$(cat "$stamp" 2>/dev/null || true)" != "$place: $*" ] || exit 0

here=$(cd "$(dirname "$0")" && pwd)
. "$here/logged.sh"
log=$(mktemp)
rm -rf "$folder" "$folder.new"
mkdir -p "$folder.new"
new=$(cd "$folder.new" && pwd)
trap 'rm -rf "$log" "$new/.apt"' EXIT

# Links whose targets are absolute lead out of the tree.
make_links_relative() {
    find "$new" -type l -lname '/*' | while read -r link; do
        ln -sfnr "$new$(readlink "$link")" "$link"
    done
}

# dpkg's database, as far as it is asked for: what a package is, has and says of its libraries.
enter() { # package file
    control=$new/.apt/control
    rm -rf "$control"
    dpkg-deb --control "$1" "$control"
    name=$(dpkg-deb --field "$1" Package)
    if [ "$(dpkg-deb --field "$1" Multi-Arch)" = same ]; then
        name=$name:$(dpkg-deb --field "$1" Architecture)
    fi
    sed -n '/^Package:/p' "$control/control" >>"$database/status"
    echo "Status: install ok installed" >>"$database/status"
    sed -e '/^Package:/d' "$control/control" >>"$database/status"
    echo >>"$database/status"
    for part in symbols shlibs; do
        [ ! -e "$control/$part" ] || cp "$control/$part" "$database/info/$name.$part"
    done
    dpkg-deb --fsys-tarfile "$1" | tar -tf - | sed -n -e 's|/$||' \
        -e 's#^\./\(bin\|sbin\|lib\)/#./usr/\1/#' -e "s|^\./|$place/|p" \
        >"$database/info/$name.list"
}

fetch() {
    "$here/own_apt.sh" "$architecture" "$suite" "$new/.apt" \
        apt-get -y --no-install-recommends --download-only install "$@"
    # As all newer suites have it: what packages still ship in /lib belongs there as well.
    mkdir -p "$new/usr/bin" "$new/usr/sbin" "$new/usr/lib"
    for name in bin sbin lib; do
        ln -s "usr/$name" "$new/$name"
    done
    database=$new/var/lib/dpkg
    mkdir -p "$database/info" "$database/updates"
    printf '%s\n' "$(dpkg --print-architecture)" "$architecture" >"$database/arch"
    # Names of files there have the architecture.
    echo 1 >"$database/info/format"
    for package in "$new"/.apt/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -C "$new" --keep-directory-symlink -xf -
        enter "$package"
    done
    make_links_relative
}

echo "fetching packages of Debian $suite for $architecture:$(printf ' %s' "$@")"
logged "$log" "cannot make a tree of Debian $suite for $architecture" fetch "$@"
rm -rf "$new/.apt"
echo "$place: $*" >"$new/.packages"
mv "$new" "$folder"
