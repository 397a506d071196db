# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the HTTP server share: the driver (driver.c) as a context, requests over plain
sockets, certificates made by openssl."""

import contextlib
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DRIVER = os.path.join(ROOT, os.environ.get("BUILD", "build"), "http", "driver")
# Far more than anything here takes, also on a busy machine.
PATIENCE_S = 60


def wait_for(condition, what):
    """Returns what the condition returns as soon as that is true."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError("not within %d s: %s" % (PATIENCE_S, what))


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


class Reply:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else None
        pairs = [line.partition(": ")[::2] for line in lines[1:]]
        self.headers = {name.lower(): value for name, value in pairs}


class Server:
    """The driver, as a context. Options are its command line."""

    def __init__(self, *options, driver=DRIVER, env=None, wrap=()):
        listen = () if "--listen" in options else ("--listen", "127.0.0.1:0")
        self.command = [*wrap, driver, *listen, *options]
        self.env = env
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
        )
        self.address = self.process.stdout.readline().strip()
        return self

    def __enter__(self):
        self.start()
        if not self.address:
            raise AssertionError(self.stop())
        self.confinement = self.process.stdout.readline().strip()
        self.process.stdout.readline()
        self.is_tls = self.address.startswith("https:")
        if not self.address.startswith("unix:"):
            host, _, port = self.address.split("://")[1].rpartition(":")
            self.peer = (host.strip("[]"), int(port))
        else:
            self.peer = self.address[5:]
        return self

    def stop(self):
        """What it wrote to stderr."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.stdin = None
        try:
            _, errors = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return errors

    def __exit__(self, kind, *_):
        errors = self.stop()
        if kind and errors:
            print("driver: exit %d\n%s" % (self.process.returncode, errors), flush=True)
        if kind is None and (self.process.returncode or errors):
            raise AssertionError("driver: exit %d\n%s" % (self.process.returncode, errors))

    @property
    def pid(self):
        return self.process.pid

    def child(self):
        """The child that runs now."""
        return wait_for(lambda: children_of(self.pid), "a child")[0]

    def connect(self, source=None, timeout=PATIENCE_S):
        if isinstance(self.peer, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            sock.connect(self.peer)
            return sock
        return socket.create_connection(self.peer, timeout, (source, 0) if source else None)

    def get(self, path, *headers, method="GET", tls=None, source=None, version="1.1"):
        """One request on a connection of its own."""
        lines = ["%s %s HTTP/%s" % (method, path, version), *headers, "Connection: close"]
        if version == "1.1" and not any(line.lower().startswith("host:") for line in headers):
            lines.insert(1, "Host: localhost")
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(self.connect(source))
            if self.is_tls or tls:
                sock = stack.enter_context((tls or trusting()).wrap_socket(sock))
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            return Reply(read_all(sock))

    def counts(self, *headers, **more):
        reply = self.get("/counts", *headers, **more)
        assert reply.status == 200, reply.status
        return json.loads(reply.body)

    def wait_for_count(self, name, least=1, headers=(), **more):
        return wait_for(
            lambda: self.counts(*headers, **more)[name] >= least or None, "%s of %s" % (least, name)
        )


def refusal(*options):
    """Why the driver does not start."""
    server = Server(*options).start()
    errors = server.stop()
    assert server.process.returncode == 2, (server.address, server.process.returncode, errors)
    assert errors.startswith("failed: "), errors
    return errors[len("failed: ") :]


def read_all(sock):
    data = b""
    while True:
        try:
            piece = sock.recv(1 << 16)
        except (ConnectionResetError, ssl.SSLEOFError):
            piece = b""
        if not piece:
            return data
        data += piece


def is_closed(sock):
    """Has the other end closed it? What it sent before is thrown away."""
    while select.select([sock], [], [], 0)[0]:
        try:
            if not sock.recv(1 << 16):
                return True
        except OSError:
            return True
    return False


def trusting(version=None, cert=None):
    """A TLS context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        # Below TLS 1.2 OpenSSL must be told that it is wanted.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    if cert:
        context.load_cert_chain(cert + ".pem", cert + ".key")
    return context


class Folder:
    """A folder for certificates and configurations, as a context."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="loopstall-http-test-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def file(self, name, text=None):
        path = os.path.join(self.path, name)
        if text is not None:
            # As editors and Kubernetes do: complete, or not there.
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.rename(path + ".new", path)
        return path

    def openssl(self, *words):
        subprocess.run(
            ["openssl", *words], cwd=self.path, check=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def certificate(self, name, ca=None, usage="serverAuth"):
        """NAME.pem and NAME.key, signed by `ca` or by itself. Returns the path without suffix."""
        self.file(
            "extensions",
            "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
            + ("extendedKeyUsage=%s\n" % usage if usage else "basicConstraints=CA:TRUE\n"),
        )
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key")
        self.openssl(
            "req", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-out", "request"
        )
        signer = (
            ["-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial"]
            if ca
            else ["-signkey", name + ".key"]
        )
        self.openssl(
            "x509", "-req", "-in", "request", "-days", "2", "-extfile", "extensions",
            "-out", name + ".pem", *signer,
        )
        return os.path.join(self.path, name)


def cpu_seconds(pid):
    """Of all threads."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status_of(path):
    """A status file of /proc as a dictionary."""
    with open(path + "/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
