# SPDX-License-Identifier: BSD-2-Clause
"""The recipes of docs/ci/, run as they are written: their shell lines are taken from the files and
run in a fresh folder with a small project. What a CI server brings is stood in for: `sudo` (we are
root), `pip` without a network."""

import contextlib
import json
import os
import re
import subprocess
import xml.etree.ElementTree

import jsonschema
import yaml

from lib import TOOL, check, check_equal, live

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FORMATS = os.path.join(ROOT, "tests", "formats")
STAND_INS = {
    "sudo": 'exec "$@"',
    # What is required is there, as Debian packages; whatever is not, is a failure.
    "pip": 'exec env PIP_NO_INDEX=1 PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore '
    '/usr/bin/python3 -m pip "$@"',
    "loopstall": 'exec %s "$@"' % os.path.abspath(TOOL),
}
TEST = """import asyncio, time
import pytest

def fetch(seconds):
    time.sleep(seconds)

@pytest.mark.asyncio
async def test_steps():
    for _ in range(%(steps)d):
        await asyncio.sleep(0.002)
    fetch(%(blocked)g)
    assert %(holds)s
"""
APP = """import time
requests = 0

def fetch(seconds):
    time.sleep(seconds)

async def app(scope, receive, send):
    global requests
    assert scope["type"] == "http"
    requests += 1
    if requests %% 200 == 0:
        fetch(%(blocked)g)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


def recipe(name):
    with open(os.path.join(ROOT, "docs", "ci", name), encoding="utf-8") as file:
        return file.read()


class Project:
    """A repository in a fresh folder. One made anew for each run: no file is left from another."""

    def __init__(self, bench, name, blocked=0.0, steps=150, holds=True):
        self.folder = os.path.join(bench.folder, name)
        values = {"blocked": blocked, "steps": steps, "holds": holds}
        self.write("tests/test_steps.py", TEST % values)
        self.write("app.py", APP % values)
        self.write("requirements.txt", "pytest\npytest-asyncio\n")
        self.write(
            ".loopstall-allow", "warm_up until=2999-01-01  # runs before the service is ready\n"
        )
        self.write(".git/HEAD", "ref: refs/heads/main\n")
        self.write("docs/ci/service.sh", recipe("service.sh"), 0o755)
        for command, line in STAND_INS.items():
            self.write("bin/" + command, "#!/bin/sh\n%s\n" % line, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run(self, lines, wrap=(), **env):
        """As a CI server does: in one bash that ends at the first failure. Returns exit code and
        output."""
        done = subprocess.run(
            [*wrap, "bash", "-e", "-c", lines],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=50,
            start_new_session=True,
            env={
                "PATH": self.path("bin") + ":/usr/bin:/bin:/usr/sbin:/sbin",
                "HOME": self.folder,
                "LANG": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
                **env,
            },
        )
        return done.returncode, done.stdout + done.stderr

    def junit(self):
        """Names of the failed tests."""
        subprocess.run(
            [
                "xmllint",
                "--noout",
                "--nonet",
                "--schema",
                os.path.join(FORMATS, "junit.xsd"),
                self.path("loop.xml"),
            ],
            check=True,
            capture_output=True,
        )
        cases = xml.etree.ElementTree.fromstring(self.read("loop.xml")).iter("testcase")
        return [case.get("name") for case in cases if case.find("failure") is not None]

    def sarif(self):
        """(rule, file) of the results."""
        with open(os.path.join(FORMATS, "sarif.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        log = json.loads(self.read("loop.sarif"))
        jsonschema.validate(log, schema)
        return [
            (
                result["ruleId"],
                result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            )
            for result in log["runs"][0]["results"]
        ]


@contextlib.contextmanager
def ran(bench, name, lines, codes, wrap=(), env=None, **project):
    """A part of the case: the lines, run in a project of that kind, end with one of these codes."""
    with bench.part(name):
        p = Project(bench, name.replace(" ", "-"), **project)
        code, output = p.run(lines, wrap, **(env or {}))
        check(code in codes, "exit code %d: %s", code, output)
        yield p, output


@live(on="once")
def github(bench):
    steps = yaml.safe_load(recipe("github.yml"))["jobs"]["loopstall"]["steps"]
    lines = "\n".join(step["run"] for step in steps if "run" in step)
    upload = next(step for step in steps if "upload-sarif" in step.get("uses", ""))
    check_equal(upload["with"]["sarif_file"], "loop.sarif", "the file that is uploaded")
    env = {"GITHUB_STEP_SUMMARY": "summary.md"}
    with ran(bench, "good", lines, [0], env=env) as (p, output):
        check_equal((p.junit(), p.sarif()), ([], []), "findings")
        check("1 passed" in output, "the tests did not run: %s", output)
        check_equal(p.read("summary.md"), p.read("loop.md"), "the summary")
    with ran(bench, "blocked", lines, [1], env=env, blocked=0.09) as (p, output):
        check(p.junit(), "no failed test in JUnit")
        check_equal(
            set(p.sarif()),
            {("max-step", "tests/test_steps.py"), ("deny", "tests/test_steps.py")},
            "SARIF",
        )
        check("\n::error file=tests/test_steps.py,line=5" in output, "no annotation: %s", output)
        check(
            "py:5 in fetch |" in p.read("summary.md"),
            "the place is not named: %s",
            p.read("summary.md"),
        )
    with ran(bench, "too short to tell", lines, [0], env=env, steps=5) as (p, output):
        check("INCONCLUSIVE" in output, "no word of it: %s", output)
    with ran(bench, "a test fails", lines, [5], env=env, holds=False):
        pass


@live(on="once")
def gitlab(bench):
    job = yaml.safe_load(recipe("gitlab.yml"))["event-loop"]
    lines = "\n".join(job["script"])
    inconclusive = job["allow_failure"]["exit_codes"]
    check_equal(job["artifacts"]["reports"]["junit"], "loop.xml", "the report that is kept")
    with ran(bench, "good", lines, [0]) as (p, _):
        check_equal(p.junit(), [], "failed tests")
    with ran(bench, "blocked", lines, [1], blocked=0.09) as (p, _):
        check_equal(len(p.junit()), 2, "failed tests")
    with ran(bench, "too short to tell", lines, [inconclusive], steps=5):
        pass


@live(on="once")
def pytest(bench):
    found = re.findall(r"^    (.*loopstall .*)$", recipe("pytest.md"), re.M)
    check_equal(len(found), 1, "commands in the recipe")
    packages = re.search(r"apt-get install ([^`]+)`", recipe("pytest.md")).group(1).split()
    subprocess.run(["dpkg", "-s", *packages], check=True, capture_output=True)
    with ran(bench, "good", found[0], [0], steps=5):
        pass
    with ran(bench, "blocked", found[0], [1], blocked=0.09) as (_, output):
        check("tests/test_steps.py:5 in fetch" in output, "the place is not named: %s", output)
    with ran(bench, "a test fails", found[0], [5], holds=False):
        pass


@live(on="once")
def service(bench):
    """Each in a network of its own: the recipe's port may be taken."""
    found = re.findall(r"^# +(docs/ci/service\.sh .*)$", recipe("service.sh"), re.M)
    check_equal(len(found), 1, "examples in the recipe")
    wrap = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    env = {"SECONDS_OF_LOAD": "3"}
    for name, blocked, codes in (("good", 0.0, [0, 4]), ("blocked", 0.09, [1])):
        with ran(bench, name, found[0], codes, wrap, env, blocked=blocked) as (p, output):
            check_equal(bool(p.junit()), bool(blocked), "failed tests in JUnit")
            requests = re.search(r"(\d+) requests in", p.read("wrk.txt"))
            check(requests and int(requests.group(1)) > 100, "no load: %s", output)
