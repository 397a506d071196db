# SPDX-License-Identifier: BSD-2-Clause
"""The alerts and recording rules of docs/serve/, checked and tried by Prometheus' own tool, and
against the metrics that the program writes."""

import os
import re
import subprocess
import tempfile

from lib import HERE, ROOT, check, equal

RULES = os.path.join(ROOT, "docs", "serve")
FILES = ("alerts.yml", "recording.yml")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def promtool(*args):
    ended = subprocess.run(["promtool", *args], capture_output=True, text=True)
    equal(ended.returncode, 0, "promtool %s: %s" % (args, ended.stdout + ended.stderr))
    return ended.stdout


def test_rules_are_valid():
    for name in FILES:
        promtool("check", "rules", os.path.join(RULES, name))


def test_rules_do_what_they_say():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rules_test.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(read(HERE, "rules_test.yml").replace("RULES", RULES))
        promtool("test", "rules", path)


def metrics():
    """The names of all series, as the list in the source has them."""
    suffix = {"COUNTER": ["_total"], "INFO": ["_info"], "GAUGE": [""]}
    suffix["HISTOGRAM"] = ["_bucket", "_sum", "_count"]
    source = read(ROOT, "src", "serve", "metrics.c")
    rows = re.findall(r'_\(\w+, (P )?"(\w+)", (COUNTER|GAUGE|HISTOGRAM|INFO),', source)
    check(len(rows) > 30, "only %d metrics are found in the source", len(rows))
    return {
        ("loopstall_" if own else "") + name + end
        for own, name, kind in rows
        for end in suffix[kind]
    }


def histograms():
    return {name[: -len("_bucket")] for name in metrics() if name.endswith("_bucket")}


def used_names(text):
    return set(re.findall(r"\bloopstall_\w+", re.sub(r"\w+:loopstall_\w+:\w+", "", text)))


def test_rules_and_documentation_name_metrics_that_exist():
    for path in ("serve/alerts.yml", "serve/recording.yml", "serve.md"):
        unknown = used_names(read(ROOT, "docs", path)) - metrics() - histograms()
        equal(sorted(unknown), [], "unknown metrics in docs/%s" % path)


def test_every_metric_is_documented():
    page = read(ROOT, "docs", "serve.md")
    names = {re.sub("_(bucket|sum|count)$", "", name) for name in metrics()}
    missing = [name for name in sorted(names) if "`%s" % name not in page]
    equal(missing, [], "metrics that docs/serve.md lacks")
