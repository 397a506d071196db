# SPDX-License-Identifier: BSD-2-Clause
"""Archives whose bytes follow from their contents and one date."""

import gzip
import io
import os
import tarfile
import time
import zipfile


def _folders(paths):
    """All folders above the paths, each before what is in it."""
    found = set()
    for path in paths:
        while path := os.path.dirname(path):
            found.add(path)
    return sorted(found)


def _member(path, kind, mode, size, epoch):
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.size, info.mtime = kind, mode, size, epoch
    info.uname = info.gname = "root"
    return info


def tar(entries, epoch):
    """The bytes of a tar file; all belongs to root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in _folders(entry.path for entry in entries):
            archive.addfile(_member(path, tarfile.DIRTYPE, 0o755, 0, epoch))
        for entry in sorted(entries):
            info = _member(entry.path, tarfile.REGTYPE, entry.mode, len(entry.data), epoch)
            archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


def files(data):
    """The files of a tar file: path to bytes."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}


def gz(data):
    """Without the date and the name of a file."""
    return gzip.compress(data, 9, mtime=0)


def zipped(entries, epoch):
    """The bytes of a zip file, in the order of the entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.path, time.gmtime(epoch)[:6])
            info.create_system, info.external_attr = 3, (0o100000 | entry.mode) << 16
            archive.writestr(info, entry.data, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()
