# SPDX-License-Identifier: BSD-2-Clause
"""The verdicts of `loopstall check`: JUnit by xmllint, SARIF by its schema and by the object model
that others made of it, JSON, GitHub's commands and Markdown by readers of their kind."""

import json
import os
import re
import subprocess
import urllib.parse
import xml.etree.ElementTree

import jsonschema
import sarif_om
from markdown_it import MarkdownIt

from lib import GOLDEN, HERE, check, equal, has_no_controls

VERDICTS = {"fail": 1, "doubt": 4, "pass": 0}
FILE = "app/a b\"<&>,:|%\n.py"


def path(name, extension):
    return os.path.join(GOLDEN, "verdict-%s.%s" % (name, extension))


def text(name, extension):
    with open(path(name, extension), encoding="utf-8", newline="") as file:
        return file.read()


def verdict(name):
    return json.loads(text(name, "json"))


def test_json():
    for name, code in VERDICTS.items():
        check(text(name, "json").isascii(), "not ASCII")
        v = verdict(name)
        equal(
            (v["schema"], v["type"], v["exit_code"]),
            ("loopstall/1", "verdict", code),
            "head of " + name,
        )
        equal(v["outcome"] == "inconclusive", bool(v["reasons"]), "reasons of " + name)
        for finding in v["findings"]:
            worst = finding["worst"]
            if worst:
                equal(worst["own_ns"] + worst["runqueue_ns"], worst["duration_ns"], "split")
    check(
        any(f["file"] == FILE for f in verdict("fail")["findings"]),
        "the hostile file did not come through",
    )


def test_junit():
    for name in VERDICTS:
        subprocess.run(
            [
                "xmllint",
                "--noout",
                "--nonet",
                "--schema",
                os.path.join(HERE, "junit.xsd"),
                path(name, "xml"),
            ],
            check=True,
            capture_output=True,
        )
        suite = xml.etree.ElementTree.fromstring(text(name, "xml"))[0]
        cases = suite.findall("testcase")
        for count, tag in (("failures", "failure"), ("skipped", "skipped"), ("errors", "error")):
            equal(
                int(suite.get(count)),
                len(suite.findall("testcase/" + tag)),
                "%s of %s" % (count, name),
            )
        equal(int(suite.get("tests")), len(cases), "tests of " + name)
        firm = [f for f in verdict(name)["findings"] if not f["is_doubtful"]]
        equal(int(suite.get("failures")), len(firm), "failures of " + name)
    names = [
        case.get("name")
        for case in xml.etree.ElementTree.fromstring(text("fail", "xml")).iter("testcase")
    ]
    check(any(FILE in n for n in names), "the hostile file did not come through")


def test_junit_schema_can_refuse():
    bad = text("fail", "xml").replace("failures=", "failure=").encode()
    done = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--schema", os.path.join(HERE, "junit.xsd"), "-"],
        input=bad,
        capture_output=True,
    )
    check(done.returncode != 0, "the schema accepts everything")


def test_sarif():
    with open(os.path.join(HERE, "sarif.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    for name in VERDICTS:
        log = json.loads(text(name, "sarif.json"))
        jsonschema.validate(log, schema)
        run = log["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            equal(rules[result["ruleIndex"]]["id"], result["ruleId"], "rule of a result")
        equal(len(run["results"]), len(verdict(name)["findings"]), "results of " + name)
    uris = [
        urllib.parse.unquote(place["physicalLocation"]["artifactLocation"]["uri"])
        for result in json.loads(text("fail", "sarif.json"))["runs"][0]["results"]
        for place in result.get("locations", [])
    ]
    check(FILE in uris, "the hostile file did not come through: %r", uris)


def properties(model):
    return {a.metadata["schema_property_name"] for a in model.__attrs_attrs__}


def test_sarif_members_are_those_of_the_object_model():
    """sarif_om's classes were generated from the schema that OASIS publishes."""
    log = json.loads(text("fail", "sarif.json"))
    run = log["runs"][0]
    result = next(r for r in run["results"] if "locations" in r)
    place = result["locations"][0]["physicalLocation"]
    for model, item in (
        (sarif_om.Run, run),
        (sarif_om.Tool, run["tool"]),
        (sarif_om.ToolComponent, run["tool"]["driver"]),
        (sarif_om.ReportingDescriptor, run["tool"]["driver"]["rules"][0]),
        (sarif_om.Invocation, run["invocations"][0]),
        (sarif_om.Result, result),
        (sarif_om.Message, result["message"]),
        (sarif_om.Location, result["locations"][0]),
        (sarif_om.PhysicalLocation, place),
        (sarif_om.ArtifactLocation, place["artifactLocation"]),
        (sarif_om.Region, place["region"]),
    ):
        extra = set(item) - properties(model)
        check(not extra, "%s has no %s", model.__name__, sorted(extra))


COMMAND = re.compile(r"::(error|warning) ((?:[a-z]+=[^,:\r\n]*)(?:,[a-z]+=[^,:\r\n]*)*)::(.*)")


def test_github():
    for name in VERDICTS:
        raw = text(name, "github")
        has_no_controls(raw, allowed="\n")
        lines = raw.splitlines()
        for line in lines:
            check(COMMAND.fullmatch(line), "no workflow command: %r", line)
            check("\n::" not in line, "a command inside a command")
        equal(
            sum(line.startswith("::error ") for line in lines),
            sum(not f["is_doubtful"] for f in verdict(name)["findings"]),
            "errors of " + name,
        )


def test_markdown():
    for name in VERDICTS:
        raw = text(name, "md")
        has_no_controls(raw, allowed="\n")
        tokens = MarkdownIt("commonmark").enable("table").parse(raw)
        rows = sum(token.type == "tr_open" for token in tokens)
        findings = verdict(name)["findings"]
        equal(rows, len(findings) + 1 if findings else 0, "rows of " + name)
        kinds = {child.type for token in tokens for child in token.children or ()}
        check(
            not kinds & {"html_inline", "link_open", "image", "code_inline"},
            "markup came through: %r",
            kinds,
        )


def test_text():
    for name in VERDICTS:
        has_no_controls(text(name, "txt"), allowed="\n")
