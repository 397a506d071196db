# SPDX-License-Identifier: BSD-2-Clause
"""loopstall and what a user would pick instead: one class each, in a file of its own."""

from .asyncio_debug import AsyncioDebug
from .austin import Austin
from .bpftrace import Bpftrace
from .loopstall import Loopstall
from .pyinstrument import Pyinstrument
from .tachyon import Tachyon
from .yappi import Yappi

PEERS = (
    Loopstall("exact"),
    Loopstall("auto"),
    Loopstall("light"),
    AsyncioDebug(),
    Bpftrace(),
    Austin(),
    Tachyon(),
    Pyinstrument(),
    Yappi(),
)
