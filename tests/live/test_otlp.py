# SPDX-License-Identifier: BSD-2-Clause
"""`serve --otlp`: what a receiver gets is what happened, and nothing is lost silently."""

import contextlib
import json
import os
import signal
import subprocess
import time

from lib import ROOT, brief, by_host, check, check_equal, live, wait_for
from otlp import CUMULATIVE, Receiver, values_of
from test_serve import HEALTH, Server, total, value
from test_traces import check_traces, trace_library

PROGRAM = "health.py"
LIMIT_S = 0.01  # between a stall's length here and in the program


def _start(bench, receiver):
    target = bench.target(PROGRAM)
    target.hear("ready")
    server = Server(bench, "-p", str(target.pid), "--otlp", receiver.url, "--otlp-interval", "1s")
    wait_for(lambda: value(server.scrape(), "loopstall_loops", **HEALTH) == 1, 10, "its loop")
    return target, server


def _fates(server):
    scraped = server.scrape()
    return {
        dict(labels)["fate"]: int(v)
        for (name, labels), v in scraped.items()
        if name == "loopstall_otlp_items_total" and v
    }


def _check_record(resource, record, seconds, waiting, began, pid):
    check_equal(resource, {"service.name": PROGRAM}, "resource")
    check_equal(record.event_name, "loopstall.stall", "name of the event")
    check_equal((record.severity_number, record.severity_text), (13, "WARN"), "severity")
    check(began < record.time_unix_nano / 1e9 < time.time(), "time %d", record.time_unix_nano)
    check(record.time_unix_nano <= record.observed_time_unix_nano, "observed before it ended")
    values = values_of(record.attributes)
    check(abs(values["loopstall.duration"] - seconds) < LIMIT_S, "duration in %r", values)
    check_equal(values["process.pid"], pid, "pid")
    check_equal(values["loopstall.unit"], "step", "unit")
    check_equal(values["loopstall.cause"], "sleep", "cause")
    check_equal(values["loopstall.task"], "hanger", "task")
    check_equal(values["code.function.name"], "_hang", "function")
    check_equal(values["loopstall.victims"], waiting, "victims")
    with open(os.path.join(ROOT, "tests", "live", "programs", PROGRAM)) as file:
        line = file.read().split("\n")[values["code.line.number"] - 1]
    check("time.sleep" in line, "line %r", line)
    check("_hang" in record.body.string_value and "sleep" in record.body.string_value, "body")


def _check_metrics(receiver, server):
    """The same numbers as a scrape a moment later, when nothing happens."""
    newest = len(receiver.requests)
    wait_for(lambda: len(receiver.requests) > newest + 1, 5, "newer metrics")
    ours = receiver.metrics()[PROGRAM]
    scraped = server.scrape()
    stalls = ours["loopstall.stalls"].sum
    check_equal((stalls.is_monotonic, stalls.aggregation_temporality), (True, CUMULATIVE), "sum")
    got = sum(p.as_int for p in stalls.data_points)
    check_equal(got, total(scraped, "loopstall_stalls_total", **HEALTH), "stalls")
    spent = ours["loopstall.stall"]
    check_equal(spent.unit, "s", "unit")
    for point in spent.sum.data_points:
        cause = values_of(point.attributes)["cause"]
        wanted = value(scraped, "loopstall_stall_seconds_total", cause=cause, **HEALTH)
        got = point.as_double
        check(abs(got - wanted) < 1e-9, "%s: %g s, scraped %g s", cause, got, wanted)
    (delay,) = ours["loopstall.ready_delay"].histogram.data_points
    name = "loopstall_ready_delay_seconds"
    check_equal(delay.count, value(scraped, name + "_count", **HEALTH), "delays")
    check_equal(sum(delay.bucket_counts), delay.count, "in the buckets")
    check_equal(len(delay.bucket_counts), len(delay.explicit_bounds) + 1, "buckets")
    for index, bound in enumerate(delay.explicit_bounds):
        wanted = [
            v
            for (n, l), v in scraped.items()
            if n == name + "_bucket" and HEALTH.items() <= l and float(dict(l)["le"]) == bound
        ]
        check_equal(wanted, [sum(delay.bucket_counts[: index + 1])], "delays below %g s" % bound)
    (tasks,) = ours["loopstall.tasks"].gauge.data_points
    check_equal(tasks.as_int, value(scraped, "loopstall_tasks", **HEALTH), "tasks")
    check("loopstall.own_cpu" in receiver.metrics()["loopstall"], "what measuring costs")


@live(on="once")
def a_receiver_gets_what_happened(bench):
    receiver = Receiver()
    with contextlib.closing(receiver):
        began = time.time()
        target, server = _start(bench, receiver)
        lengths = [(0.05, 4), (0.2, 2), (0.08, 0)]
        for seconds, waiting in lengths:
            target.ask("delay %g %d" % (seconds, waiting), "done")
        wait_for(lambda: len(receiver.logs()) == 3, 5, "three records")
        for (seconds, waiting), (resource, record) in zip(lengths, receiver.logs()):
            # Who awaits the step that sleeps is ready at its end.
            _check_record(resource, record, seconds, waiting + 1, began, target.pid)
        _check_metrics(receiver, server)
        check_equal(set(_fates(server)), {"logs_sent", "metrics_sent"}, "fates")
        check_equal(_fates(server)["logs_sent"], 3, "records that were sent")
        # What is told last is sent before the end.
        target.ask("delay 0.06 0", "done")
        server.close()
        check_equal(len(receiver.logs()), 4, "records after the end")
        check_equal(receiver.faults, [], "faults")


def _key(record):
    values = values_of(record.attributes)
    return values["loopstall.id"], record.trace_id.hex() or None, record.span_id.hex() or None


def _ended_ns(stall):
    return stall["start_ns"] + stall["duration_ns"]


def _check_traced(stalls, traced):
    """What `trace` says of the same steps. Two measurements time them themselves."""
    n_known = 0
    for stall in traced:
        same = [s for s in stalls if abs(_ended_ns(s) - _ended_ns(stall)) < 2e6]
        if len(same) != 1 or stall["unit"] == "turn" or by_host(stall) or by_host(same[0]):
            continue
        ids = [(s["trace_id"], s["span_id"]) for s in (stall, same[0])]
        check_equal(ids[0], ids[1], brief(stall))
        n_known += ids[0][0] is not None
    check(n_known > 0, "no stall with a trace was compared")


@live(on="once")
def ids_are_those_of_the_stall(bench):
    """Of the stall, in JSON, and of the trace that the program had attached."""
    receiver = Receiver()
    with contextlib.closing(receiver):
        target = bench.target("traced.py", trace_library(bench.folder, "module"))
        target.hear("ready")
        watch = ["-p", str(target.pid), "--threshold", "15ms"]
        server = Server(bench, *watch, "--otlp", receiver.url, "--otlp-interval", "1s")
        wait_for(lambda: total(server.scrape(), "loopstall_loops") == 1, 10, "its loop")
        tool = bench.tool("trace", *watch)
        tool.wait_start()
        truths = target.ask("go", "done", timeout=60)["stalls"]
        wait_for(lambda: len(receiver.logs()) >= len(truths), 10, "all records")
        lines = server.get("/api/stalls?since=0").decode().splitlines()
        stalls = [s for s in map(json.loads, lines) if s["type"] == "stall" and not s["is_open"]]
        wait_for(lambda: len(receiver.logs()) >= len(stalls), 10, "all records")
        ours = {(s["id"], s["trace_id"], s["span_id"]) for s in stalls}
        check_equal({_key(record) for _, record in receiver.logs()}, ours, "ids")
        check_traces(stalls, truths)
        tool.finish()
        target.finish()
        _check_traced(stalls, tool.stalls)
        server.close()
    check_equal(receiver.faults, [], "faults")


@live(on="once")
def nothing_is_lost_silently(bench):
    """A receiver that refuses, rejects, is slow, is away; a sender that is killed."""
    receiver = Receiver()
    target, server = _start(bench, receiver)
    with bench.part("busy"):
        receiver.status = 503
        target.ask("delay 0.05 0", "done")
        wait_for(lambda: [s for _, s in receiver.attempts].count(503) >= 3, 15, "three attempts")
        times = [t for t, s in receiver.attempts if s == 503]
        check(times[2] - times[1] > times[1] - times[0] > 0.4, "attempts at %r", times)
        receiver.status = 200
        wait_for(lambda: len(receiver.logs()) == 1, 15, "the record, late")
        check_equal(server.tool.stderr.count("does not take"), 1, "warnings")
        check("HTTP status 503; it is tried again" in server.tool.stderr, "the reason is not told")
    with bench.part("rejects"):
        receiver.rejects = 1
        before = _fates(server)
        target.ask("delay 0.05 0", "done")
        wait_for(lambda: _fates(server).get("logs_rejected") == 1, 10, "what was rejected")
        receiver.rejects = 0
        check_equal(_fates(server)["logs_sent"], before["logs_sent"], "records that were sent")
    with bench.part("refuses"):
        receiver.status = 400
        wait_for(lambda: _fates(server).get("metrics_rejected", 0) > 20, 10, "refused points")
        receiver.status = 200
    with bench.part("slow"):
        receiver.delay = 1.5
        target.ask("delay 0.05 0", "done")
        began = time.monotonic()
        server.scrape()
        check(time.monotonic() - began < 1, "a scrape waits for the receiver")
        receiver.delay = 0
        wait_for(lambda: len(receiver.logs()) == 3, 15, "the record")
    with bench.part("killed"):
        with open("/proc/%d/task/%d/children" % (server.tool.pid, server.tool.pid)) as file:
            children = [int(word) for word in file.read().split()]
        (sender,) = [pid for pid in children if b"--otlp-child" in _command(pid)]
        os.kill(sender, signal.SIGKILL)
        time.sleep(0.2)
        target.ask("delay 0.05 0", "done")
        wait_for(lambda: len(receiver.logs()) == 4, 10, "a record by another sender")
    with bench.part("away"):
        receiver.close()
        target.ask("delay 0.05 0", "done")
        wait_for(lambda: server.tool.stderr.count("does not take") >= 2, 10, "a warning")
        target.ask("delay 0.05 0", "done")
        server.close()
        check("of both lost" in server.tool.stderr, "the end says nothing: %s", server.tool.stderr)
    check_equal(receiver.faults, [], "faults")


def _certificate(folder):
    """For 127.0.0.1, signed by itself: it is its own authority."""
    path = os.path.join(folder, "receiver.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", "/CN=receiver", "-keyout", path, "-out", path + ".crt"]
        + ["-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    with open(path + ".crt") as certificate, open(path, "a") as both:
        both.write(certificate.read())
    return path, path + ".crt"


@live(on="once")
def headers_and_certificates(bench):
    """By all three ways; the values are in no command line but ours, and in no message."""
    both, certificate = _certificate(bench.folder)
    receiver = Receiver(certificate=both)
    secrets = os.path.join(bench.folder, "headers")
    with open(secrets, "w") as file:
        file.write("# of the account\napi-key=s3cret-of-file\n")
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20s3cret-env"}
    target = bench.target(PROGRAM)
    target.hear("ready")
    options = ["-p", str(target.pid), "--otlp", receiver.url, "--otlp-interval", "1s"]
    with contextlib.closing(receiver):
        with bench.part("unknown_authority"):
            server = Server(bench, *options)
            wait_for(lambda: "does not take" in server.tool.stderr, 15, "a warning")
            check_equal(receiver.requests, [], "requests")
            server.close()
        with bench.part("headers"):
            more = ["--otlp-header-file", secrets, "--otlp-header", "X-Scope=7"]
            server = Server(bench, *options, "--otlp-ca", certificate, *more, env=environment)
            wait_for(lambda: receiver.requests, 15, "a request")
            got = receiver.headers[-1]
            wanted = ("Basic s3cret-env", "s3cret-of-file", "7")
            check_equal((got["authorization"], got["api-key"], got["X-Scope"]), wanted, "headers")
            with open("/proc/%d/task/%d/children" % (server.tool.pid, server.tool.pid)) as file:
                for pid in map(int, file.read().split()):
                    check(b"s3cret" not in _command(pid), "in %r", _command(pid))
            server.close()
            check("s3cret" not in server.tool.stderr, "in %r", server.tool.stderr)
    check_equal(receiver.faults, [], "faults")


def _command(pid):
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        return file.read()
