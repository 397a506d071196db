# SPDX-License-Identifier: BSD-2-Clause
"""`loopstall serve` of the static program, in a root that has nothing but its files and /dev, as a
container has it: TLS, users and client certificates, and what it says of a known stall."""

import base64
import contextlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

from places import STATIC, TESTS, Place, service

sys.path.append(os.path.join(TESTS, "http"))

import lib  # noqa: E402 (tests/http)
from test_web_config import HEAD, _users  # noqa: E402

CLIENTS = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
STALLS = re.compile(r"^loopstall_stalls_total\{.*\} (\d+)", re.M)


class Served:
    """The program in a root, as a context; `folder` has the certificates."""

    def __init__(self, folder):
        self.folder = folder
        place = Place("serve")
        os.mkdir(os.path.join(place.root, "dev"))
        shutil.copy(STATIC, os.path.join(place.root, "loopstall"))
        folder.file("web.yml", HEAD + CLIENTS + _users(prom="secret"))
        for name in ("web.yml", "server.pem", "server.key", "ca.pem"):
            shutil.copy(folder.file(name), place.root)
        words = ["serve", "-p", str(service()), "--listen", "127.0.0.1:0"]
        self.command = place.terminal_command("/loopstall", *words, "--web-config", "/web.yml")

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            found = re.search(r"serving on (https://\S+)", line)
            if found:
                self.url = found.group(1)
                return self
        raise AssertionError("".join(seen))

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=lib.PATIENCE_S)

    def get(self, path, cert, user, version=None):
        """The body, or the status of a refusal."""
        headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
        request = urllib.request.Request(self.url + path, headers=headers)
        context = lib.trusting(version, cert)
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code


def test_serves_with_tls_and_users():
    with lib.Folder() as folder:
        folder.certificate("server")
        ca = folder.certificate("ca", usage=None)
        good = folder.certificate("good", ca, "clientAuth")
        other_ca = folder.certificate("other_ca", usage=None)
        foreign = folder.certificate("foreign", other_ca, "clientAuth")
        with Served(folder) as served:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                assert served.get("/-/healthy", good, "prom:secret", version) == (
                    "loopstall is healthy.\n"
                )
            assert served.get("/metrics", good, "prom:wrong") == 401
            for cert in (None, foreign):
                with contextlib.suppress(ssl.SSLError, OSError):
                    raise AssertionError(served.get("/-/healthy", cert, "prom:secret"))
            lib.wait_for(
                lambda: any(
                    int(n) > 0 for n in STALLS.findall(served.get("/metrics", good, "prom:secret"))
                ),
                "a stall among the metrics",
            )
