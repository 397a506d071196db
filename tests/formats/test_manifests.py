# SPDX-License-Identifier: BSD-2-Clause
"""What is in packaging/ for Kubernetes: each object by the model of its kind in Kubernetes' own
client, the chart against the manifest that it is made from."""

import copy
import json
import os
import re
from types import SimpleNamespace

import chart
import jsonschema
import yaml
from kubernetes import client
from lib import ROOT, check, equal

MANIFESTS = os.path.join(ROOT, "packaging", "kubernetes")
API = client.ApiClient()
MODELS = {
    ("v1", "Namespace"): "V1Namespace",
    ("apps/v1", "DaemonSet"): "V1DaemonSet",
    ("networking.k8s.io/v1", "NetworkPolicy"): "V1NetworkPolicy",
}


def objects_in(name):
    with open(os.path.join(MANIFESTS, name), encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


def without_newer_fields(node):
    """appArmorProfile is of Kubernetes 1.30; the client in Debian is older."""
    if isinstance(node, list):
        return [without_newer_fields(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {k: without_newer_fields(v) for k, v in node.items() if k != "appArmorProfile"}


def check_model(found, model):
    """The model drops what it does not know, and refuses what lacks a field or has a value of
    another type."""
    found = without_newer_fields(found)
    read = API.deserialize(SimpleNamespace(data=json.dumps(found)), model)
    equal(API.sanitize_for_serialization(read), found, "what %s knows of it" % model)


def check_object(found):
    check_model(found, MODELS[found["apiVersion"], found["kind"]])


def test_objects_are_what_kubernetes_knows():
    for found in objects_in("daemonset.yaml"):
        check_object(found)
    (partial,) = objects_in("ephemeral-container.yaml")
    check_model(partial["securityContext"], "V1SecurityContext")


def test_a_wrong_field_is_found():
    (found,) = [o for o in objects_in("daemonset.yaml") if o["kind"] == "DaemonSet"]
    for path, name in ((("spec", "template", "spec"), "hostPid"), (("spec",), "updateStrateg")):
        wrong = copy.deepcopy(found)
        place = wrong
        for step in path:
            place = place[step]
        place[name] = True
        try:
            check_object(wrong)
        except AssertionError:
            continue
        raise AssertionError("%s is taken" % name)


def test_probes_and_ports_agree():
    (found,) = [o for o in objects_in("daemonset.yaml") if o["kind"] == "DaemonSet"]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    source = os.path.join(ROOT, "src", "serve", "answers.c")
    with open(source, encoding="utf-8") as file:
        paths = set(re.findall(r'_\(\w+, "(/\S*)"\)', file.read()))
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container[name]["httpGet"]
        check(probe["path"] in paths, "%s asks %s", name, probe["path"])
        equal(probe["port"], port["name"], "port of " + name)
    listen = container["args"][container["args"].index("--listen") + 1]
    equal(listen.rpartition(":")[2], str(port["containerPort"]), "port")
    annotations = found["spec"]["template"]["metadata"]["annotations"]
    equal(annotations["prometheus.io/port"], str(port["containerPort"]), "scraped port")


def test_the_chart_gives_the_manifest():
    given, notes = chart.render()
    manifest = [found for found in objects_in("daemonset.yaml") if found["kind"] != "Namespace"]
    equal(given, manifest, "objects of the chart")
    check("9487" in notes and "{{" not in notes, "notes %r", notes)
    with open(os.path.join(ROOT, "src", "app", "version.h"), encoding="utf-8") as file:
        version = re.search(r'VERSION "(\S+)"', file.read()).group(1)
    about = yaml.safe_load(chart.read("Chart.yaml"))
    equal((about["version"], about["appVersion"]), (version, version), "versions")


OTHER_VALUES = {
    "image": {"repository": "example.org/loopstall", "tag": "", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "key"}],
    "port": 9999,
    "extraArgs": ["--threshold", "20ms"],
    "webConfig": {"secretName": "web"},
    "networkPolicy": {"enabled": False},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "podAnnotations": None,
    "tolerations": [],
    "nodeSelector": {"pool": "python"},
    "appArmorProfile": None,
    "resources": None,
}


def test_every_value_has_its_effect():
    values = chart.defaults()
    equal(set(OTHER_VALUES), set(values), "values that are changed here")
    daemonset, monitor = chart.render(OTHER_VALUES)[0]
    check_object(daemonset)
    equal(monitor["kind"], "PodMonitor", "kind")
    equal(monitor["metadata"]["labels"], {"release": "prometheus"}, "labels of the monitor")
    pod = daemonset["spec"]["template"]
    check("annotations" not in pod["metadata"], "annotations")
    pod = pod["spec"]
    check("tolerations" not in pod, "tolerations")
    equal(pod["nodeSelector"], {"pool": "python"}, "nodes")
    equal(pod["imagePullSecrets"], [{"name": "key"}], "secrets")
    (container,) = pod["containers"]
    about = yaml.safe_load(chart.read("Chart.yaml"))
    equal(container["image"], "example.org/loopstall:" + about["appVersion"], "image")
    equal(container["imagePullPolicy"], "Always", "pull policy")
    arguments = "serve --all --listen 0.0.0.0:9999 --web-config /etc/loopstall/web.yml"
    equal(container["args"], arguments.split() + ["--threshold", "20ms"], "arguments")
    check("resources" not in container, "resources")
    # Users and TLS would refuse the kubelet.
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        equal(container[name]["tcpSocket"], {"port": "metrics"}, name)
    equal({v["name"] for v in container["volumeMounts"]}, {"tmp", "web"}, "mounts")
    check("appArmorProfile" not in container["securityContext"], "AppArmor")


def test_values_have_a_schema():
    schema = chart.schema()
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(chart.defaults())
    validator.validate(chart.merged(chart.defaults(), OTHER_VALUES))
    for wrong in ({"ports": 1}, {"port": "9487"}, {"image": {"name": "x"}}, {"extraArgs": "-q"}):
        found = list(validator.iter_errors(chart.merged(chart.defaults(), wrong)))
        check(found, "%r is taken", wrong)
