# SPDX-License-Identifier: BSD-2-Clause
"""`loopstall serve`: what is scraped is what happened, read by Prometheus' own programs."""

import ast
import contextlib
import gzip
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from prometheus_client import parser as plain
from prometheus_client.openmetrics import parser as openmetrics

from lib import MS, ROOT, both_loops, check, check_equal, live, run_tool, wait_for
from terminal import terminal_of

sys.path.append(os.path.join(ROOT, "tests", "formats"))

import dashboard  # noqa: E402 (tests/formats)
from browser import Browser  # noqa: E402 (tests/formats)

PROGRAM = "stuck.py"
ACCEPT = {"openmetrics": "application/openmetrics-text;version=1.0.0", "text": "text/plain"}
RULES = os.path.join(ROOT, "docs", "serve")
PROTO = os.path.realpath(os.path.join(ROOT, "tests", "formats", "profile.proto"))
SERVICE = {"service": PROGRAM}


class Server:
    """A running `loopstall serve`."""

    def __init__(self, bench, *args, mode="exact", listen="127.0.0.1:0", **how):
        words = ["serve", "--listen", listen, "--mode", mode, *args]
        self.tool = bench.tool(*words, json_output=False, **how)
        wait_for(self._address, 15, "an address in %r" % self.tool.stderr)
        self.url = self._address()
        self._before = {}
        wait_for(self._is_ready, 15, "ready: %r" % self.tool.stderr)

    def _address(self):
        found = re.search(r"serving on (http://\S+)", self.tool.stderr)
        check(self.tool.is_alive(), "it has ended: %s", self.tool.stderr)
        return found and found.group(1)

    def _is_ready(self):
        with contextlib.suppress(urllib.error.URLError, OSError):
            return self.get("/-/ready") == b"loopstall is ready.\n"
        return False

    def get(self, path, **headers):
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.read()

    def scrape(self):
        """(name, labels as a frozenset) -> value. No counter has fallen since the last time."""
        text = self.get("/metrics", Accept=ACCEPT["openmetrics"]).decode()
        values, counters = {}, {}
        for family in openmetrics.text_string_to_metric_families(text):
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                check(key not in values, "%s is there twice", key)
                values[key] = sample.value
                if family.type in ("counter", "histogram"):
                    counters[key] = sample.value
        fallen = [
            (key, before, counters.get(key))
            for key, before in self._before.items()
            if counters.get(key, -1) < before
        ]
        check_equal(fallen, [], "counters that fell")
        self._before = counters
        return values

    def close(self):
        self.tool.signal(2)
        check_equal(self.tool.wait(), 0, "exit code (stderr: %s)" % self.tool.stderr)


def value(scraped, name, **labels):
    """Of the one series with these labels among others; None without one."""
    wanted = set(labels.items())
    found = [v for (n, l), v in scraped.items() if n == name and wanted <= l]
    check(len(found) < 2, "%d series %s %r", len(found), name, labels)
    return found[0] if found else None


def total(scraped, name, **labels):
    wanted = set(labels.items())
    return sum(v for (n, l), v in scraped.items() if n == name and wanted <= l)


def _stall(target, seconds):
    since = target.ask(str(seconds), "hangs")["since"]
    target.hear("goes_on")
    return since


def _check_times(scraped, stalls):
    """The counters against the lines of another measurement of the same stalls."""
    by_trace = sum(s["duration_ns"] for s in stalls) / 1e9
    by_cause = total(scraped, "loopstall_stall_seconds_total", **SERVICE)
    check(abs(by_cause - by_trace) < 0.002 * len(stalls), "%g s, trace %g s", by_cause, by_trace)
    slept = value(scraped, "loopstall_stall_seconds_total", cause="sleep", **SERVICE)
    slept_by_trace = sum(s["causes_ns"]["sleep"] for s in stalls) / 1e9
    check(abs(slept - slept_by_trace) < 0.002, "slept %g s, trace %g s", slept, slept_by_trace)
    steps = value(scraped, "loopstall_loop_time_seconds_total", state="steps", **SERVICE)
    check(by_cause <= steps < by_cause + 1, "steps take %g s, stalls %g s", steps, by_cause)


def _buckets(scraped, name, **labels):
    """(bound, number up to it), the smallest bound first."""
    bounds = sorted(
        (math.inf if dict(l)["le"] == "+Inf" else float(dict(l)["le"]), v)
        for (n, l), v in scraped.items()
        if n == name + "_bucket" and labels.items() <= l
    )
    check_equal(len(bounds), 16, "buckets of " + name)
    return bounds


def _check_buckets(scraped, stalls):
    bounds = _buckets(scraped, "loopstall_step_duration_seconds", **SERVICE)
    for bound, count in bounds:
        # Its other steps are much shorter.
        if bound < 0.004:
            continue
        longer = sum(s["duration_ns"] / 1e9 >= bound for s in stalls)
        check_equal(bounds[-1][1] - count, longer, "steps of %g s and more" % bound)


def _check_site(scraped, stalls):
    (place,) = {"programs/%s:%d" % (PROGRAM, s["own"]["line"]) for s in stalls}
    got = value(scraped, "loopstall_site_stalls_total", site=place, function="_hang", **SERVICE)
    check_equal(got, 1, "stalls of the line since it was admitted")
    other = value(scraped, "loopstall_site_stalls_total", site="other", **SERVICE)
    check_equal(other, len(stalls) - 1, "stalls before that")


def _check_exemplar(server, stalls):
    text = server.get("/metrics", Accept=ACCEPT["openmetrics"]).decode()
    found = [
        sample.exemplar
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar and sample.labels["service"] == PROGRAM
    ]
    check(found, "no exemplars")
    for exemplar in found:
        check_equal(exemplar.labels["task"], "hanger", "task")
        check_equal(exemplar.labels["cause"], "sleep", "cause")
        near = min(abs(exemplar.value - s["duration_ns"] / 1e9) for s in stalls)
        check(near < 0.002, "no stall of %g s", exemplar.value)
        check(abs(float(exemplar.timestamp) - time.time()) < 60, "time %r", exemplar.timestamp)


def _check_formats(server):
    text = server.get("/metrics", Accept=ACCEPT["text"])
    check(list(plain.text_string_to_metric_families(text.decode())), "no metrics")
    ended = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    check_equal((ended.returncode, ended.stderr), (0, b""), "promtool check metrics")


@live(on="once", loops=both_loops)
def metrics_are_what_happened(bench):
    """Against the program's own word and against `trace` beside it."""
    target = bench.target(PROGRAM, "--loop", bench.loop)
    target.hear("ready")
    server = Server(bench, "-p", str(target.pid))
    trace = bench.tool("trace", "-p", str(target.pid))
    trace.wait_start()
    wait_for(
        lambda: value(server.scrape(), "loopstall_loops", **SERVICE) == 1, 10, "its loop is seen"
    )
    # None near the edge of a bucket, where two measurements of a step may differ.
    for seconds in (0.06, 0.02, 0.2):
        _stall(target, seconds)
    trace.read_until(lambda t: len(t.stalls) == 3)
    name = "loopstall_stalls_total"
    wait_for(lambda: total(server.scrape(), name, **SERVICE) == 3, 10, "three stalls")
    time.sleep(1.1)
    scraped = server.scrape()
    check_equal(value(scraped, name, unit="step", cause="sleep", **SERVICE), 3, "stalls")
    _check_times(scraped, trace.stalls)
    _check_buckets(scraped, trace.stalls)
    _check_site(scraped, trace.stalls)
    _check_exemplar(server, trace.stalls)
    _check_formats(server)
    target.finish()
    time.sleep(1.5)
    scraped = server.scrape()
    check_equal(total(scraped, name, **SERVICE), 3, "stalls, after the end")
    check_equal(value(scraped, "loopstall_loops", **SERVICE), 0, "loops, after the end")
    server.close()


HEALTH = {"service": "health.py"}


def _check_delays(server, waits_ns):
    """Each wait that the program saw, but for what it takes to begin a step. The step that begins
    is seen before its first line reads the clock."""
    name = "loopstall_ready_delay_seconds"
    count = len(waits_ns)
    wait_for(lambda: value(server.scrape(), name + "_count", **HEALTH) == count, 5, "the waits")
    scraped = server.scrape()
    check_equal(total(scraped, "loopstall_starved_waits_total", **HEALTH), count, "waits")
    sum_s = value(scraped, name + "_sum", **HEALTH)
    check(
        abs(sum_s - value(scraped, "loopstall_starved_seconds_total", **HEALTH)) < 1e-6,
        "%g s of waits are not the starved seconds",
        sum_s,
    )
    true_s = sum(waits_ns) / 1e9
    least_s, most_s = true_s - 0.005 * count, true_s + 0.0002 * count
    check(least_s < sum_s <= most_s, "waits of %g s, true is %g s", sum_s, true_s)
    for bound, n in _buckets(scraped, name, **HEALTH):
        if not any(bound <= w / 1e9 < bound + 0.005 for w in waits_ns):
            check_equal(n, sum(w / 1e9 < bound for w in waits_ns), "waits below %g s" % bound)


def _check_pause(server, cpu_ns):
    name = "loopstall_gc_pause_seconds"
    labels = dict(HEALTH, generation="2")
    wait_for(lambda: value(server.scrape(), name + "_count", **labels) == 1, 5, "the pause")
    pause_s = value(server.scrape(), name + "_sum", **labels)
    # To one sampling period at each end.
    slack_s = 0.02 + cpu_ns / 20e9
    check(abs(pause_s - cpu_ns / 1e9) < slack_s, "pause of %g s, true is %d ns", pause_s, cpu_ns)


def _executor(scraped):
    names = ("threads", "max_threads", "queued_calls")
    return [value(scraped, "loopstall_executor_" + name, **HEALTH) for name in names]


@live(on="once", loops=both_loops)
def delays_pauses_and_gauges_are_what_the_program_says(bench):
    target = bench.target("health.py", "--loop", bench.loop)
    tasks = target.hear("ready")["tasks"]
    server = Server(bench, "-p", str(target.pid))
    wait_for(
        lambda: value(server.scrape(), "loopstall_tasks", **HEALTH) == tasks, 10, "its tasks"
    )
    check_equal(_executor(server.scrape()), [0, 0, 0], "executor before its first call")
    waits_ns = target.ask("delay 0.05 30", "done")["waits_ns"]
    waits_ns += target.ask("delay 0.3 5", "done")["waits_ns"]
    check_equal(len(waits_ns), 35, "waits in the program")
    # Who awaits the step that sleeps is ready at its end.
    waits_ns += [0, 0]
    _check_delays(server, waits_ns)
    _check_pause(server, target.ask("collect", "done")["cpu_ns"])
    target.ask("fill 2 5", "done")
    wait_for(lambda: _executor(server.scrape()) == [2, 2, 3], 5, "a full executor")
    target.ask("free", "done")
    wait_for(lambda: _executor(server.scrape()) == [2, 2, 0], 5, "an executor without work")
    check_equal(value(server.scrape(), "loopstall_tasks", **HEALTH), tasks, "tasks at the end")
    server.close()


def _decoded(profile):
    return subprocess.run(
        ["protoc", "--decode=pprof.Profile", "-I", os.path.dirname(PROTO), PROTO],
        input=gzip.decompress(profile),
        capture_output=True,
        check=True,
    ).stdout.decode()


def _check_recording(bench, server, lengths):
    """It opens as any recording does."""
    path = os.path.join(bench.folder, "last.ls")
    with open(path, "wb") as file:
        file.write(server.get("/recording?last=60s"))
    code, output, error = run_tool(bench, "report", path, "-f", "json")
    check_equal(code, 0, "exit code of report (%s)" % error)
    stalls = [j for j in map(json.loads, output.splitlines()) if j["type"] == "stall"]
    check_equal([round(s["duration_ns"] / 1e9, 1) for s in stalls], lengths, "stalls in the file")
    check_equal({s["own"]["function"] for s in stalls}, {"_hang"}, "whose they are")
    with terminal_of(bench) as terminal:
        terminal.run("top", "--screen", "stalls", path)
        terminal.wait(r"of 00:")
        terminal.keys("}")
        terminal.wait("_hang")
        terminal.keys("q")
        terminal.wait_end(0)


@live(on="once")
def profiles_and_a_recording_hold_the_stalls_of_their_time(bench):
    target = bench.target(PROGRAM)
    target.hear("ready")
    server = Server(bench, "-p", str(target.pid), "--allow-recording")
    wait_for(
        lambda: value(server.scrape(), "loopstall_loops", **SERVICE) == 1, 10, "its loop is seen"
    )
    _stall(target, 0.3)
    time.sleep(0.5)
    for name, first in (("stall", "stall_time"), ("starved", "starved")):
        path = "%s/debug/pprof/%s?seconds=2" % (server.url, name)
        curl = bench.start(["curl", "-s", "--fail", "-o", bench.folder + "/" + name, path])
        time.sleep(0.5)
        _stall(target, 0.1)
        check_equal(curl.wait(), 0, "exit code of curl")
        with open(os.path.join(bench.folder, name), "rb") as file:
            text = _decoded(file.read())
        # Written as C does it, which is nearly Python.
        words = re.findall(r'^string_table: (".*")$', text, re.M)
        strings = [ast.literal_eval(word) for word in words]
        default = int(re.search(r"^default_sample_type: (\d+)", text, re.M).group(1))
        check_equal(strings[default], first, "the value that is shown first")
        values = [
            [int(v) for v in re.findall(r"value: (\d+)", sample)]
            for sample in re.findall(r"^sample \{(.*?)^\}", text, re.M | re.S)
        ]
        check_equal(sum(v[0] for v in values), 1, "stalls in the profile: not the one before")
        stalled = sum(v[1] for v in values)
        check(100 * MS <= stalled < 200 * MS, "%d ns stalled", stalled)
        check("_hang" in strings and "hanger" in strings, "frame and task in %r", strings)
    _check_recording(bench, server, [0.3, 0.1, 0.1])
    server.close()


@live(on="once")
def workers_come_and_go_and_no_counter_falls(bench):
    target = bench.target("workers.py", bench.folder)
    target.hear("ready")
    server = Server(bench, "-p", str(target.pid))
    scraped = {}
    for _ in range(3):
        target.write("fork")
        done = time.monotonic() + 0.8
        while time.monotonic() < done:
            scraped = server.scrape()
            time.sleep(0.1)
        target.hear("done")
    time.sleep(1.5)
    scraped = server.scrape()
    names = [n for n in os.listdir(bench.folder) if re.fullmatch(r"\d+\.json", n)]
    check_equal(len(names), 6, "workers")
    got = total(scraped, "loopstall_stalls_total", service="workers.py")
    # The kernel takes up to some 70 ms to put probes on who was forked, and the first sleep is
    # longer than that.
    host = total(scraped, "loopstall_stalls_total", service="workers.py", cause="runqueue")
    planned = 3 * len(names)
    check(planned <= got <= planned + host, "%d stalls of %d, %d by the host", got, planned, host)
    pids = [l for (n, l) in scraped if n != "loopstall_process_info" and "pid" in dict(l)]
    check_equal(pids, [], "counters with a pid")
    server.close()


@live(on="once")
def the_page_shows_a_stall_under_way(bench):
    """In a browser, while the loop is stuck."""
    target = bench.target(PROGRAM)
    target.hear("ready")
    server = Server(bench, "-p", str(target.pid))
    _stall(target, 0.05)
    target.ask("12", "hangs")
    with Browser() as browser:
        browser.call("Page.navigate", url=server.url + "/")
        text = "(document.querySelector('#open') || {}).innerText || ''"
        wait_for(lambda: "_hang" in browser.run(text), 10, "the stall on the page")
        text = browser.run(text)
        check(" so far, sleep: step of _hang()" in text, "open stalls: %r", text)
        wait_for(
            lambda: browser.run("document.querySelectorAll('#report table tbody tr').length") > 1,
            15,
            "tables of the report",
        )
        rows = browser.run("document.querySelector('#table-loops').innerText")
        check(str(target.pid) in rows, "loops: %r", rows)
        # A selection, drawn when there are newer data than those that were drawn before.
        answers = browser.run("document.body.dataset.answers")
        wait_for(
            lambda: browser.run("document.body.dataset.answers") != answers, 15, "another answer"
        )
        browser.run("location.hash = 'cause=sleep&time=0,99000000000'")
        selected = "(document.querySelector('#selected') || {}).innerText || ''"
        wait_for(lambda: " of " in browser.run(selected), 10, "the selection")
        bad = ("Runtime.exceptionThrown", "Log.entryAdded")
        faults = [e for e in browser.events if e["method"] in bad]
        check_equal(faults, [], "what the browser complains about")
        asked = {
            e["params"]["request"]["url"].split("?")[0][len(server.url) :]
            for e in browser.events
            if e["method"] == "Network.requestWillBeSent"
        }
        check(asked <= {"/", "/api/snapshot", "/api/stalls", "/favicon.ico"}, "asked %r", asked)
    server.close()


@live(on="once", lane="alone")
def all_finds_what_starts_later(bench):
    server = Server(bench, "--all", mode="light")
    time.sleep(1)
    target = bench.target(PROGRAM)
    target.hear("ready")
    wait_for(
        lambda: value(server.scrape(), "loopstall_loops", **SERVICE) == 1, 10, "the new process"
    )
    target.ask("3", "hangs")
    wait_for(
        lambda: value(server.scrape(), "loopstall_stall_running_seconds", **SERVICE) > 1,
        5,
        "the age of the open stall",
    )
    target.hear("goes_on")
    name = "loopstall_stalls_total"
    wait_for(lambda: total(server.scrape(), name, **SERVICE) == 1, 5, "the stall when it has ended")
    check_equal(
        value(server.scrape(), "loopstall_stall_running_seconds", **SERVICE), 0, "age afterwards"
    )
    server.close()


# --- Prometheus and Alertmanager


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}/recording.yml", "{rules}/alerts.yml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alerts}"]}}]}}]}}
scrape_configs:
  - job_name: loopstall
    static_configs: [{{targets: ["{target}"]}}]
"""
ALERTMANAGER = """
route: {receiver: none, group_wait: 0s}
receivers: [{name: none}]
"""


def _write(bench, name, text):
    path = os.path.join(bench.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _start_alertmanager(bench, port):
    return bench.start(
        [
            "prometheus-alertmanager",
            "--config.file=" + _write(bench, "alertmanager.yml", ALERTMANAGER),
            "--storage.path=" + os.path.join(bench.folder, "alerts"),
            "--web.listen-address=127.0.0.1:%d" % port,
            "--cluster.listen-address=",
        ]
    )


def _start_prometheus(bench, port, alerts, server):
    target = server.url[len("http://") :]
    text = PROMETHEUS.format(rules=os.path.abspath(RULES), alerts=alerts, target=target)
    return bench.start(
        [
            "prometheus",
            "--config.file=" + _write(bench, "prometheus.yml", text),
            "--storage.tsdb.path=" + os.path.join(bench.folder, "tsdb"),
            "--web.listen-address=127.0.0.1:%d" % port,
            "--enable-feature=exemplar-storage",
        ]
    )


def _json(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return json.load(reply)
    except (urllib.error.URLError, OSError):
        return None


class Prometheus:
    def __init__(self, port):
        self._url = "http://127.0.0.1:%d/api/v1/" % port

    def _ask(self, text):
        return _json(self._url + "query?" + urllib.parse.urlencode({"query": text}))

    def takes(self, text):
        return bool(self._ask(text))

    def query(self, text):
        """The values, by the labels."""
        reply = self._ask(text)
        rows = reply["data"]["result"] if reply else []
        return {tuple(sorted(r["metric"].items())): float(r["value"][1]) for r in rows}

    def one(self, text):
        values = list(self.query(text).values())
        return values[0] if len(values) == 1 else None

    def exemplars(self, name):
        now = time.time()
        query = {"query": name, "start": now - 120, "end": now + 5}
        reply = _json(self._url + "query_exemplars?" + urllib.parse.urlencode(query))
        return [e for r in reply["data"] for e in r["exemplars"]]


# Nothing is lost here, and neither the program nor its host is short of anything.
NO_ANSWER = ("loopstall_lost_total", "gc_pause", "ready_delay", "entry_", "> 1")


SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}


def _names_served(server):
    """Of the samples that a scrape has, or will have when there is something to count."""
    text = server.get("/metrics", Accept=ACCEPT["openmetrics"]).decode()
    kinds = [line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE ")]
    return {name + suffix for name, kind in kinds for suffix in SUFFIXES.get(kind, ("",))}


def _check_dashboard(prometheus, served):
    """Each query is valid, asks for what is served, and has an answer but where there is nothing to
    answer."""
    wait_for(
        lambda: prometheus.query("service:loopstall_busy:ratio_rate5m"), 10, "a recording rule"
    )
    for query in dashboard.queries():
        check(prometheus.takes(query), "Prometheus refuses %s", query)
        check_equal(sorted(dashboard.names_in(query) - served), [], "not served: " + query)
        if not any(part in query for part in NO_ANSWER):
            check(prometheus.query(query), "no answer to %s", query)


@live(on="once")
def prometheus_scrapes_and_alertmanager_tells(bench):
    target = bench.target(PROGRAM)
    target.hear("ready")
    server = Server(bench, "-p", str(target.pid))
    web, alerts = _free_port(), _free_port()
    _start_alertmanager(bench, alerts)
    _start_prometheus(bench, web, alerts, server)
    prometheus = Prometheus(web)
    wait_for(lambda: prometheus.one('up{job="loopstall"}') == 1, 30, "a first scrape")
    for seconds in (0.05, 0.02, 0.2):
        _stall(target, seconds)
    count = 'sum(loopstall_stalls_total{service="%s"})' % PROGRAM
    wait_for(lambda: prometheus.one(count) == 3, 15, "three stalls in Prometheus")
    check(prometheus.exemplars("loopstall_step_duration_seconds_bucket"), "exemplars are stored")

    _check_dashboard(prometheus, _names_served(server))

    def active():
        found = _json("http://127.0.0.1:%d/api/v2/alerts?active=true" % alerts) or []
        return [a for a in found if a["labels"]["alertname"] == "EventLoopStuck"]

    check_equal(active(), [], "alerts before the stall")
    target.ask("9", "hangs")
    wait_for(active, 8, "the alert while the loop is stuck")
    check_equal(active()[0]["labels"]["service"], PROGRAM, "service of the alert")
    target.hear("goes_on")
    wait_for(lambda: not active(), 20, "the end of the alert")
    wait_for(lambda: prometheus.one(count) == 4, 15, "the long stall in Prometheus")
    check_equal(
        prometheus.query("resets(loopstall_stalls_total[5m]) > 0"), {}, "counters that fell"
    )
    server.close()
