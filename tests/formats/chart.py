# SPDX-License-Identifier: BSD-2-Clause
"""Renders the chart in packaging/helm with the part of Helm's language that it uses; anything else
is an error. Debian has no helm."""

import json
import os
import re

import yaml
from lib import ROOT

FOLDER = os.path.join(ROOT, "packaging", "helm", "loopstall")
_ACTION = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)


def read(*path):
    with open(os.path.join(FOLDER, *path), encoding="utf-8") as file:
        return file.read()


def defaults():
    return yaml.safe_load(read("values.yaml"))


def merged(values, changes):
    """As helm merges: maps in depth, null removes, anything else replaces."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        deep = isinstance(old, dict) and isinstance(change, dict)
        result[key] = merged(old, change) if deep else change
    return {key: value for key, value in result.items() if value is not None}


def _look_up(context, path):
    value = context
    for name in path.strip(".").split("."):
        value = (value or {}).get(name)
    return value


def _evaluate(context, words):
    """The value of one pipeline."""
    first, *rest = [part.split() for part in words.split("|")]
    if first[0] == "toYaml":
        value = yaml.safe_dump(_look_up(context, first[1]), default_flow_style=False).strip()
    else:
        (path,) = first
        value = _look_up(context, path)
    for name, argument in rest:
        if name == "nindent":
            pad = " " * int(argument)
            value = "\n" + "\n".join(pad + line for line in value.split("\n"))
        elif name == "default":
            value = value or _look_up(context, argument)
        else:
            raise ValueError("the chart uses %r, which this does not know" % name)
    return str(value)


def _tokens(text):
    """Text and actions in turn; a dash takes the white space on its side."""
    at = 0
    for match in _ACTION.finditer(text):
        before = text[at : match.start()]
        yield "text", before.rstrip() if match.group(1) else before
        yield "action", match.group(2)
        at = match.end()
        if match.group(3):
            at += len(text[at:]) - len(text[at:].lstrip())
    yield "text", text[at:]


def _render(context, text):
    shown = [True]  # of the blocks that we are in
    out = []
    for kind, words in _tokens(text):
        if kind == "text":
            out.append(words if all(shown) else "")
        elif words.startswith("/*"):
            continue
        elif words.startswith("if "):
            shown.append(bool(all(shown) and _look_up(context, words[3:])))
        elif words == "else":
            shown[-1] = not shown[-1]
        elif words == "end":
            shown.pop()
        elif all(shown):
            out.append(_evaluate(context, words))
    if shown != [True]:
        raise ValueError("a block has no end")
    return "".join(out)


def render(changes=()):
    """All objects, in the namespace "loopstall"."""
    chart = yaml.safe_load(read("Chart.yaml"))
    context = {
        "Values": merged(defaults(), dict(changes)),
        "Chart": {"AppVersion": chart["appVersion"]},
        "Release": {"Name": "loopstall", "Namespace": "loopstall"},
    }
    names = sorted(os.listdir(os.path.join(FOLDER, "templates")))
    texts = {name: _render(context, read("templates", name)) for name in names}
    objects = [
        found
        for name, text in texts.items()
        if name.endswith(".yaml")
        for found in yaml.safe_load_all(text)
        if found
    ]
    return objects, texts["NOTES.txt"]


def schema():
    return json.loads(read("values.schema.json"))
