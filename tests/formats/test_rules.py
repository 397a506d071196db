# SPDX-License-Identifier: BSD-2-Clause
"""The alerts, recording rules and dashboard of docs/serve/, checked and tried by Prometheus' own
tool, and against the metrics that the program writes."""

import os
import re
import shutil
import subprocess
import tempfile

import dashboard
import yaml
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
    source = read(ROOT, "src", "serve", "metric_families.h")
    rows = re.findall(r'_\(\w+, (P )?"(\w+)", (COUNTER|GAUGE|HISTOGRAM|INFO),', source)
    check(len(rows) > 30, "only %d metrics are found in the source", len(rows))
    return {
        ("loopstall_" if own else "") + name + end
        for own, name, kind in rows
        for end in suffix[kind]
    }


def histograms():
    return {name[: -len("_bucket")] for name in metrics() if name.endswith("_bucket")}


def test_rules_and_documentation_name_metrics_that_exist():
    for path in ("serve/alerts.yml", "serve/recording.yml", "serve/grafana.json", "serve.md"):
        unknown = dashboard.names_in(read(ROOT, "docs", path)) - metrics() - histograms()
        equal(sorted(unknown), [], "unknown metrics in docs/%s" % path)


def test_the_dashboard_asks_what_can_be_answered():
    recorded = set(re.findall(r"record: (\S+)", read(RULES, "recording.yml")))
    queries = dashboard.queries()
    check(len(queries) >= 40, "only %d queries", len(queries))
    for query in queries:
        equal(sorted(dashboard.names_in(query) - metrics()), [], "unknown metrics in %s" % query)
        used = set(re.findall(r"\w+:loopstall_\w+:\w+", query))
        equal(sorted(used - recorded), [], "unknown rules in %s" % query)
    rules = [{"record": "a:b:c%d" % i, "expr": query} for i, query in enumerate(queries)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "queries.yml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        promtool("check", "rules", path)


def test_the_dashboard_is_whole():
    board = dashboard.load()
    panels = board["panels"]
    equal([p["title"] for p in panels if p["type"] == "row"], dashboard.ROWS, "rows")
    ids = [panel["id"] for panel in panels]
    equal(len(set(ids)), len(ids), "numbers of panels")
    cells = set()
    for panel in panels:
        place = panel["gridPos"]
        check(place["x"] + place["w"] <= 24, "%s is too far right", panel["title"])
        own = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        check(not own & cells, "%s is on another panel", panel["title"])
        cells |= own
        check(panel["type"] == "row" or panel["description"], "%s says nothing", panel["title"])
    names = {variable["name"] for variable in board["templating"]["list"]}
    text = read(dashboard.PATH)
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__range", "__all"}
    equal(used, names, "variables")


def test_every_metric_is_documented():
    page = read(ROOT, "docs", "serve.md")
    names = {re.sub("_(bucket|sum|count)$", "", name) for name in metrics()}
    missing = [name for name in sorted(names) if "`%s" % name not in page]
    equal(missing, [], "metrics that docs/serve.md lacks")


COMPOSE = os.path.join(RULES, "compose")


def test_compose_is_whole():
    """By Compose's own check; what is mounted is there, and Prometheus and Alertmanager take it."""
    ended = subprocess.run(
        ["docker-compose", "-f", os.path.join(COMPOSE, "compose.yaml"), "config"],
        env=dict(os.environ, LOOPSTALL_IMAGE="example.org/loopstall:1"),
        capture_output=True,
        text=True,
    )
    equal(ended.returncode, 0, "docker-compose config: %s" % ended.stderr)
    services = yaml.safe_load(ended.stdout)["services"]
    equal(sorted(services), ["alertmanager", "grafana", "loopstall", "prometheus"], "services")
    equal(services["loopstall"]["image"], "example.org/loopstall:1", "image")
    for name, service in services.items():
        equal(service["network_mode"], "host", "network of " + name)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0] if isinstance(volume, str) else volume["source"]
            check(not source.startswith("/") or os.path.isfile(source), "no file %s", source)
    with tempfile.TemporaryDirectory() as folder:
        for path in ("compose/prometheus.yml", "alerts.yml", "recording.yml"):
            shutil.copy(os.path.join(RULES, path), folder)
        promtool("check", "config", os.path.join(folder, "prometheus.yml"))
    path = os.path.join(COMPOSE, "alertmanager.yml")
    ended = subprocess.run(["amtool", "check-config", path], capture_output=True, text=True)
    equal(ended.returncode, 0, "amtool: %s" % ended.stdout)


def test_compose_has_the_capabilities_of_the_daemonset():
    with open(os.path.join(COMPOSE, "compose.yaml"), encoding="utf-8") as file:
        given = yaml.safe_load(file)["services"]["loopstall"]["cap_add"]
    path = os.path.join(ROOT, "packaging", "kubernetes", "daemonset.yaml")
    with open(path, encoding="utf-8") as file:
        (found,) = [o for o in yaml.safe_load_all(file) if o["kind"] == "DaemonSet"]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    equal(given, container["securityContext"]["capabilities"]["add"], "capabilities")


def test_queries_of_the_documentation_are_those_that_were_tried():
    """They join with what kube-state-metrics says: rules_test.yml has series of both."""
    tried = yaml.safe_load(read(HERE, "rules_test.yml"))["tests"]
    page = " ".join(read(ROOT, "docs", "serve.md").split())
    joins = [
        query["expr"]
        for case in tried
        for query in case.get("promql_expr_test", ())
        if "kube_" in query["expr"]
    ]
    equal(len(joins), 2, "queries with kube-state-metrics")
    for join in joins:
        check(" ".join(join.split()) in page, "docs/serve.md lacks %s", join)
