#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the HTTP server (src/http/) with fixed pages against good, bad and slow clients. Needs
build/http/driver; as root also proves that the child has a user of its own.

    run.py [-k PART]
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import suite  # noqa: E402 (tests/suite.py)

TOPICS = ("requests", "child", "hostile_child", "limits", "web_config", "fuzz")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-k", dest="part", default="", help="only those with this in their name")
    modules = ["test_" + topic for topic in TOPICS]
    return suite.run("http", suite.selected(modules, parser.parse_args().part))


if __name__ == "__main__":
    sys.exit(main())
