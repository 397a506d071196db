# SPDX-License-Identifier: BSD-2-Clause
"""TLS, users and client certificates by a web configuration, and its changes."""

import base64
import contextlib
import os
import ssl
import threading
import time

import lib
from lib import Folder, Server

HEAD = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"


def _user(name, password):
    word = base64.b64encode(("%s:%s" % (name, password)).encode()).decode()
    return "Authorization: Basic " + word


def _hash(password, cost):
    import crypt  # Of the system's Python 3.11; gone in 3.13.

    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << cost))


def _users(cost=5, **passwords):
    return "basic_auth_users:\n" + "".join(
        "  %s: %s\n" % (name, _hash(password, cost)) for name, password in passwords.items()
    )


def test_users():
    with Folder() as folder:
        path = folder.file("web.yml", _users(prom="secret", other="x" * 72))
        with Server("--listen", "0.0.0.0:0", "--web-config", path) as server:
            reply = server.get("/small")
            assert reply.status == 401
            assert reply.headers["www-authenticate"].startswith('Basic realm="loopstall"')
            assert server.get("/nothing").status == 401
            for _ in range(3):
                assert server.get("/small", _user("prom", "secret")).status == 200
                assert server.get("/small", _user("other", "x" * 72)).status == 200
                for name, password in (("prom", "Secret"), ("prom", ""), ("nobody", "secret"),
                                       ("", ""), ("prom", "x" * 600)):
                    assert server.get("/small", _user(name, password)).status == 401
            assert server.get("/small", "Authorization: Basic !!!").status == 401
            assert server.get("/small", "Authorization: Bearer x").status == 401
            assert server.get("/nothing", _user("prom", "secret")).status == 404
            counts = server.counts(_user("prom", "secret"))
            assert counts["no_credentials"] == 2, counts
            assert counts["bad_credentials"] == 17, counts


def test_flood_of_bad_credentials():
    """They take a quarter of a CPU at most, and who is known is served meanwhile."""
    good = _user("prom", "secret")
    with Folder() as folder:
        path = folder.file("web.yml", _users(cost=10, prom="secret"))
        with Server("--web-config", path) as server:
            assert server.get("/small", good).status == 200
            child = server.child()
            end = time.monotonic() + 4
            statuses = []

            def flood(k):
                n = 0
                while time.monotonic() < end:
                    n += 1
                    with contextlib.suppress(OSError, ValueError, IndexError):
                        reply = server.get("/small", _user("prom", "%d.%d" % (k, n)))
                        statuses.append(reply.status)

            before = lib.cpu_seconds(child)
            begin = time.monotonic()
            threads = [threading.Thread(target=flood, args=(k,)) for k in range(12)]
            for thread in threads:
                thread.start()
            n_served = 0
            while time.monotonic() < end:
                n_served += server.get("/small", good).status == 200
                time.sleep(0.1)
            for thread in threads:
                thread.join()
            share = (lib.cpu_seconds(child) - before) / (time.monotonic() - begin)
            assert n_served >= 3, n_served
            assert set(statuses) == {401, 429}, set(statuses)
            counts = server.counts(good)
            assert counts["refused_checks"] > counts["bad_credentials"] > 0, counts
            # A quarter for checks; the requests themselves take some.
            assert share < 0.6, share
            assert counts["longest_ns"] < 1e9


def test_tls():
    with Folder() as folder:
        folder.certificate("server")
        path = folder.file("web.yml", HEAD)
        with Server("--listen", "0.0.0.0:0", "--web-config", path) as server:
            assert server.address.startswith("https://")
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                assert server.get("/small", tls=lib.trusting(version)).body == b"small\n"
            reply = server.get("/large?3000000")
            assert len(reply.body) == 3000000
            for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                with server.connect() as sock:
                    try:
                        lib.trusting(version).wrap_socket(sock)
                    except (ssl.SSLError, OSError):
                        pass
                    else:
                        raise AssertionError(version)
            with server.connect() as sock:
                sock.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert b"HTTP" not in lib.read_all(sock)
            with server.connect() as sock:
                sock.sendall(os.urandom(3000))
                lib.read_all(sock)
            # A certificate that the client does not know: it leaves in the handshake.
            strict = ssl.create_default_context()
            with contextlib.suppress(ssl.SSLError), server.connect() as sock:
                strict.wrap_socket(sock, server_hostname="localhost")
                raise AssertionError("an unknown certificate was taken")
            server.wait_for_count("tls_failed", 5)
            assert server.counts()["child_restarts"] == 0
        path = folder.file("web.yml", HEAD + "  min_version: TLS13\n")
        with Server("--web-config", path) as server:
            assert server.get("/small", tls=lib.trusting(ssl.TLSVersion.TLSv1_3)).status == 200
            with contextlib.suppress(ssl.SSLError, OSError), server.connect() as sock:
                lib.trusting(ssl.TLSVersion.TLSv1_2).wrap_socket(sock)
                raise AssertionError("TLS 1.2 was taken")


def _is_served(server, cert, version):
    """In TLS 1.3 the client is through before the server has looked at its certificate."""
    try:
        return server.get("/small", tls=lib.trusting(version, cert)).status == 200
    except (ssl.SSLError, OSError):
        return False


def test_client_certificates():
    with Folder() as folder:
        folder.certificate("server")
        ca = folder.certificate("ca", usage=None)
        other_ca = folder.certificate("other_ca", usage=None)
        certs = {
            "none": None,
            "good": folder.certificate("good", ca, "clientAuth"),
            "foreign": folder.certificate("foreign", other_ca, "clientAuth"),
            "server's": folder.certificate("wrong_use", ca, "serverAuth"),
        }
        served = {
            "NoClientCert": {"none", "good", "foreign", "server's"},
            "RequestClientCert": {"none", "good", "foreign", "server's"},
            "RequireAnyClientCert": {"good", "foreign", "server's"},
            "VerifyClientCertIfGiven": {"none", "good"},
            "RequireAndVerifyClientCert": {"good"},
        }
        for word, expected in served.items():
            has_ca = "Verify" in word
            text = HEAD + "  client_auth_type: %s\n" % word
            text += "  client_ca_file: ca.pem\n" if has_ca else ""
            with Server("--web-config", folder.file("web.yml", text)) as server:
                for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                    found = {n for n, c in certs.items() if _is_served(server, c, version)}
                    assert found == expected, (word, version, found)


def test_change():
    """Users and certificate become others; a file with a fault is told and changes nothing."""
    good, new = _user("prom", "secret"), _user("prom", "new")
    with Folder() as folder:
        folder.certificate("server")
        path = folder.file("web.yml", HEAD + _users(prom="secret"))
        with Server("--web-config", path) as server:
            assert server.get("/small", good).status == 200
            child = server.child()
            # A request that is under way when the file changes is answered.
            late = []
            thread = threading.Thread(
                target=lambda: late.append(server.get("/late?5000", good).body)
            )
            thread.start()
            time.sleep(0.5)
            folder.file("web.yml", HEAD + _users(prom="new"))
            lib.wait_for(lambda: server.get("/small", new).status == 200, "the new user")
            assert server.get("/small", good).status == 401
            thread.join()
            assert late == [b"late\n"], late
            before = ssl.get_server_certificate(server.peer)
            folder.certificate("server")
            lib.wait_for(lambda: ssl.get_server_certificate(server.peer) != before, "a certificate")
            folder.file("web.yml", HEAD + "  min_version: TLS10\n" + _users(prom="third"))
            fault = (
                "web.yml:4: tls_server_config.min_version: 'TLS10' is neither TLS12 nor TLS13: "
                "older versions are not safe"
            )
            lib.wait_for(lambda: server.counts(new)["config_error"].endswith(fault), fault)
            n_errors = server.counts(new)["config_errors"]
            # The same fault is counted once, however often the file is looked at.
            time.sleep(2.5)
            assert server.counts(new)["config_errors"] == n_errors > 0
            folder.file("web.yml", HEAD + _users(prom="secret"))
            lib.wait_for(lambda: server.get("/small", good).status == 200, "the corrected file")
            counts = server.counts(good)
            assert counts["config_error"] == ""
            assert counts["config_reloads"] >= 3
            assert server.child() == child and counts["child_restarts"] == 0


def test_change_leaves_nothing_open():
    """A server that others can reach does not lose what keeps strangers out."""
    with Folder() as folder:
        path = folder.file("web.yml", _users(prom="secret"))
        with Server("--listen", "0.0.0.0:0", "--web-config", path) as server:
            folder.file("web.yml", "")
            server.wait_for_count("config_errors", 1, [_user("prom", "secret")])
            assert server.get("/small").status == 401


def test_faults():
    """File, line and field."""
    with Folder() as folder:
        folder.certificate("server")
        folder.certificate("other")
        folder.file("empty.pem", "")
        cases = {
            "tls_server_config: [1]\n": ":1: tls_server_config: must be a mapping",
            "tls_server_confg:\n  x: y\n": ":1: tls_server_confg: is no field",
            HEAD + "  cert_fil: x\n": ":4: tls_server_config.cert_fil: is no field",
            HEAD + "  cert_file: x\n": ":4: tls_server_config.cert_file: is there twice",
            HEAD.replace("server.pem", "none.pem"):
                ":2: tls_server_config.cert_file: cannot read 'none.pem': No such file",
            HEAD.replace("server.pem", "."):
                ":2: tls_server_config.cert_file: cannot read '.': Is a directory",
            HEAD.replace("server.pem", "empty.pem"): ":2: tls_server_config.cert_file: ",
            HEAD.replace("server.key", "other.key"): ":3: tls_server_config.key_file: ",
            "tls_server_config:\n  cert_file: server.pem\n":
                ":2: tls_server_config.key_file: is missing",
            HEAD + "  client_auth_type: Verify\n":
                ":4: tls_server_config.client_auth_type: 'Verify' is not one of NoClientCert ",
            HEAD + "  client_auth_type: RequireAndVerifyClientCert\n":
                ":4: tls_server_config.client_auth_type: needs client_ca_file",
            HEAD + "  client_ca_file: server.pem\n": ":4: tls_server_config.client_ca_file: ",
            HEAD + "  cipher_suites: [x]\n":
                ":4: tls_server_config.cipher_suites: is not supported",
            HEAD + "  min_version: TLS13\n  max_version: TLS12\n":
                ":5: tls_server_config.max_version: is below min_version",
            "basic_auth_users:\n  a: secret\n":
                ":2: basic_auth_users.a: the password's hash is not",
            "basic_auth_users:\n  a: $2b$16$%s\n" % ("a" * 53):
                ":2: basic_auth_users.a: the password's hash has a cost above 15",
            "basic_auth_users:\n  'a:b': x\n": ":2: basic_auth_users.a:b: a user's name",
            "a: [\n": ":2: no YAML: ",
            "a: b\n\tc": ":2: no YAML: ",
        }
        for text, expected in cases.items():
            path = folder.file("web.yml", text)
            sentence = lib.refusal("--web-config", path)
            assert sentence.startswith(path + expected), (text, sentence)
        assert "No such file" in lib.refusal("--web-config", folder.file("nothing.yml"))
        for text in ("", "{}\n", "tls_server_config:\n", "http_server_config:\n  http2: false\n"):
            with Server("--web-config", folder.file("web.yml", text)) as server:
                assert server.get("/small").status == 200
