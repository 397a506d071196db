# SPDX-License-Identifier: BSD-2-Clause
"""The Grafana dashboard of docs/serve/ and what it asks."""

import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, "..", "..", "docs", "serve", "grafana.json")
ROWS = ["Fleet", "Service", "Loop", "loopstall"]
# What Grafana puts in.
VALUES = {"$__rate_interval": "1m", "$__range": "5m", "$instance": ".*", "$service": ".*"}


def load():
    with open(PATH, encoding="utf-8") as file:
        return json.load(file)


def _expressions(board):
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (annotation["expr"] for annotation in board["annotations"]["list"])


def names_in(text):
    """Metrics of ours, without what recording rules make of them."""
    return set(re.findall(r"\bloopstall_\w+", re.sub(r"\w+:loopstall_\w+:\w+", "", text)))


def queries():
    """All of them, as Prometheus gets them."""
    found = []
    for query in _expressions(load()):
        for name, value in VALUES.items():
            query = query.replace(name, value)
        found.append(query)
    return found
