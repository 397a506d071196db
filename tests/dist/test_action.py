# SPDX-License-Identifier: BSD-2-Clause
"""The GitHub Action: its form, and its steps, run as a runner would. `sudo` (we are root) and `gh`
are stood in for; the release is build/dist, or that for all architectures."""

import json
import os
import re
import subprocess

import yaml

from places import ALL, DIST, ROOT, read, scratch, version

FOLDER = os.path.join(ROOT, "packaging", "action")
EXPRESSION = re.compile(r"\$\{\{ *(\S+) *\}\}")
STAND_INS = {
    "sudo": 'exec "$@"',
    # What it was asked, and the body it was given; there is a comment if the file says so.
    "gh": """printf '%s\\n' "$*" >>"$CALLS"
for word; do case $word in body=@*) cat "${word#body=@}" >>"$CALLS" ;; esac; done
case $* in *--paginate*) cat "$COMMENTS" ;; esac""",
}
PROGRAM = """import asyncio, time
async def test_invoice():
    for _ in range(300):
        await asyncio.sleep(0.001)
    time.sleep(%g)
asyncio.run(test_invoice())
"""


def action():
    with open(os.path.join(FOLDER, "action.yml")) as f:
        return yaml.safe_load(f)


class Runner:
    """Does what a runner does with a composite action. The first step that fails ends it."""

    def __init__(self, name, **inputs):
        self.folder = os.path.join(scratch(), "action-" + name)
        os.makedirs(os.path.join(self.folder, "bin"))
        for command, script in STAND_INS.items():
            self.write("bin/" + command, "#!/bin/bash\n" + script + "\n", 0o755)
        defaults = {n: i.get("default", "") for n, i in action()["inputs"].items()}
        self.values = {f"inputs.{n}": v for n, v in {**defaults, **inputs}.items()}
        self.values["github.action_repository"] = "owner/loopstall"
        self.values["github.token"] = "secret"
        self.code, self.output = 0, ""

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def read(self, name):
        path = os.path.join(self.folder, name)
        return open(path).read() if os.path.exists(path) else ""

    def expand(self, text):
        """A value may be an expression itself: the default of an input."""
        while EXPRESSION.search(text):
            text = EXPRESSION.sub(lambda m: self.values[m.group(1)], text)
        return text

    def environment(self):
        event = self.write("event.json", json.dumps({"pull_request": {"number": 7}}))
        return {
            **os.environ,
            "PATH": os.path.join(self.folder, "bin") + ":" + os.environ["PATH"],
            "RUNNER_TEMP": self.folder,
            "GITHUB_ACTION_PATH": FOLDER,
            "GITHUB_EVENT_PATH": event,
            "GITHUB_OUTPUT": os.path.join(self.folder, "output"),
            "GITHUB_REPOSITORY": "me/app",
            "GITHUB_SERVER_URL": "https://server.invalid",
            "GITHUB_STEP_SUMMARY": os.path.join(self.folder, "step-summary"),
            "GITHUB_WORKFLOW": "ci",
            "GITHUB_JOB": "loop",
            "CALLS": os.path.join(self.folder, "calls"),
            "COMMENTS": os.path.join(self.folder, "comments"),
        }

    def run(self, last=None):
        """`last` is the id of the step to end with."""
        for step in action()["runs"]["steps"]:
            given = {name: self.expand(value) for name, value in step["env"].items()}
            self.write("output", "")
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.folder,
                env={**self.environment(), **given},
                capture_output=True,
                text=True,
            )
            self.output += done.stdout + done.stderr
            for line in self.read("output").splitlines():
                name, value = line.split("=", 1)
                self.values[f"steps.{step['id']}.outputs.{name}"] = value
            self.code = done.returncode
            if self.code or step["id"] == last:
                break
        return self


def run_program(name, seconds, comments="", **inputs):
    inputs = {"options": "--max-step=50ms\n--mode=exact\n", "from": DIST, **inputs}
    runner = Runner(name, run="/usr/bin/python3 program.py", **inputs)
    runner.write("program.py", PROGRAM % seconds)
    runner.write("comments", comments)
    return runner.run()


def test_form():
    """What a runner demands, and that each name that is used is there."""
    described = action()
    assert described["runs"]["using"] == "composite" and described["description"]
    steps = described["runs"]["steps"]
    known = {f"inputs.{name}" for name in described["inputs"]}
    known |= {"github.action_repository", "github.token"}
    for step in steps:
        assert step["shell"] == "bash" and not EXPRESSION.search(step["run"]), step
        (script,) = re.findall(r"\$GITHUB_ACTION_PATH/(\S+\.sh)", step["run"])
        assert os.access(os.path.join(FOLDER, script), os.X_OK), script
        for value in step["env"].values():
            assert set(EXPRESSION.findall(value)) <= known, value
        with open(os.path.join(FOLDER, script)) as f:
            outputs = re.findall(r'echo "(\w+)=', f.read())
        known |= {f"steps.{step['id']}.outputs.{name}" for name in outputs}
    for name, item in {**described["inputs"], **described["outputs"]}.items():
        assert item["description"], name
        assert set(EXPRESSION.findall(item.get("value", ""))) <= known, name
    assert described["inputs"]["version"]["default"] == version()


def test_exceeded_limit_fails_and_is_commented():
    runner = run_program("fail", 0.08)
    assert runner.code == 1, runner.output
    assert runner.values["steps.check.outputs.verdict"] == "fail"
    assert "::error file=program.py,line=5" in runner.output, runner.output
    assert "program.py:5 in" in runner.read("step-summary")
    calls = runner.read("calls")
    assert "--method POST repos/me/app/issues/7/comments" in calls, calls
    assert "<!-- loopstall ci/loop -->" in calls and "program.py:5 in" in calls, calls


def test_comment_is_replaced():
    runner = run_program("again", 0.08, comments="42\n")
    assert runner.code == 1, runner.output
    calls = runner.read("calls")
    assert "--method PATCH repos/me/app/issues/comments/42" in calls and "POST" not in calls, calls


def test_held_limit_passes():
    runner = run_program("pass", 0.0, options="--max-step=10s\n--min-steps=1", comment="false")
    # On a busy machine a run may be inconclusive, which passes with a warning.
    assert runner.code == 0, runner.output
    assert runner.values["steps.check.outputs.verdict"] in ("pass", "inconclusive"), runner.output
    assert runner.read("calls") == "" and runner.read("step-summary")


def test_inconclusive_run():
    few = {"options": "--max-step=10s\n--min-steps=1000000", "comment": "false"}
    runner = run_program("few", 0.0, **few)
    assert runner.code == 0 and "::warning::loopstall saw too little" in runner.output
    runner = run_program("few-fails", 0.0, **few, **{"fail-if-inconclusive": "true"})
    assert runner.code == 4, runner.output


def test_command_that_fails():
    runner = Runner("command", run="exit 3", **{"from": DIST}).run()
    assert runner.code and runner.values["steps.check.outputs.verdict"] == "", runner.output


def test_changed_archive_is_refused():
    release = os.path.join(scratch(), "changed")
    os.makedirs(release)
    name = f"loopstall-{version()}-x86_64-linux.tar.gz"
    with open(os.path.join(DIST, name), "rb") as f, open(os.path.join(release, name), "wb") as g:
        g.write(f.read() + b"\0")
    with open(os.path.join(DIST, "SHA256SUMS")) as f, open(f"{release}/SHA256SUMS", "w") as g:
        g.write(f.read())
    runner = Runner("changed", run="true", **{"from": release}).run()
    assert runner.code and "FAILED" in runner.output, runner.output
    assert not os.path.exists(os.path.join(runner.folder, "loopstall", "bin", "loopstall"))
    # Not in the list of digests at all.
    with open(f"{release}/SHA256SUMS", "w") as f:
        f.write("0" * 64 + "  other\n")
    runner = Runner("unlisted", run="true", **{"from": release}).run()
    assert runner.code, runner.output


def test_runner_gets_the_program_for_its_architecture():
    """As `uname` names it; of 32 bits there is none."""
    for machine, elf_machine in (("x86_64", 62), ("aarch64", 183), ("armv7l", None)):
        runner = Runner("on-" + machine, run="true", **{"from": ALL})
        runner.write("bin/uname", f"#!/bin/bash\necho {machine}\n", 0o755)
        runner.run(last="fetch")
        assert (runner.code == 0) == (elf_machine is not None), runner.output
        path = os.path.join(runner.folder, "loopstall", "bin", "loopstall")
        assert os.path.exists(path) == (elf_machine is not None)
        if elf_machine:
            # ELF-64 Object File Format: e_machine.
            assert int.from_bytes(read(path)[18:20], "little") == elf_machine
