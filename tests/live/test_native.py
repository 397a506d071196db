# SPDX-License-Identifier: BSD-2-Clause
"""The C functions inside the innermost Python frame: the libraries are those that the program
calls, and no other one is named."""

import collections

from lib import by_host, check, check_equal, live

# Of each function: one of these modules, and one of these functions where its library has names.
EXPECTED = {
    "compress": ("libz.so", "deflate"),
    "dump_json": ("_json", None),
    "load_json": ("_json", None),
    "pbkdf2": ("libcrypto.so", "PKCS5_PBKDF2_HMAC"),
    "query": ("libsqlite3.so", "sqlite3_step"),
    "sleep_in_c": ("libffi.so", "ffi_call"),
    "sleep": ("libc.so", "clock_nanosleep select __select pselect"),
}
LIBRARIES = {module for module, _ in EXPECTED.values()} - {"libc.so"}


def _function(stall):
    """Which function of the program it is; json's own frames lie inside."""
    for frame in stall["stack"]:
        if frame["file"].endswith("native.py"):
            return frame["function"]
    return None


def _names(stall):
    return ["%s:%s" % (f["module"], f["function"]) for f in stall["native_stack"]]


def _is_cut(stall):
    """It ends at a function of the interpreter without a name, which may be its evaluator."""
    last = stall["native_stack"][-1:]
    return last == [{"function": None, "module": None}]


def _check_stack(name, stall, is_split):
    if name == "python_only":
        modules = [frame["module"] or "" for frame in stall["native_stack"]]
        foreign = [name for name in LIBRARIES if any(name in found for found in modules)]
        check(not foreign, "libraries in pure Python: %r", _names(stall))
        return
    module, functions = EXPECTED[name]
    modules = [frame["module"] or "" for frame in stall["native_stack"]]
    for other in LIBRARIES - {module, "libffi.so"}:
        check(not any(other in found for found in modules), "%s in %r", name, _names(stall))
    # Debian's 3.13 and newer have an evaluator of many functions without names.
    if is_split and _is_cut(stall):
        return
    # An interpreter may have the module built in.
    is_there = any(module in found for found in modules)
    check(is_there or any("python" in m for m in modules), "%s in %r", name, _names(stall))
    # Where it had no CPU for most of it, a few samples may all be of its beginning or end.
    if functions and is_there and not by_host(stall):
        named = {frame["function"] for frame in stall["native_stack"]}
        is_named = named & set(functions.split())
        check(is_named, "%s: none of %s in %r", name, functions, _names(stall))


def _run(bench, mode, *options):
    target = bench.target("native.py")
    target.hear("ready")
    tool = bench.tool(
        "trace", "-p", str(target.pid), "--mode", mode, "--threshold", "10ms", *options
    )
    tool.wait_start()
    target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    return tool.stalls


def _check_run(bench, mode):
    found = collections.Counter()
    seen = collections.Counter()
    for stall in _run(bench, mode):
        name = _function(stall)
        if name not in EXPECTED and name != "python_only":
            continue
        seen[name] += 1
        if stall["native_stack"] is None:
            continue
        found[name] += 1
        _check_stack(name, stall, bench.python.label.endswith("-sid"))
    for name in EXPECTED:
        check(seen[name] >= 2, "%d stalls in %s", seen[name], name)
        check(found[name] >= 2, "%d of %d stalls in %s known", found[name], seen[name], name)


@live()
def native(bench):
    _check_run(bench, "exact")


@live()
def native_light(bench):
    _check_run(bench, "light")


@live(on="once")
def native_off(bench):
    stalls = _run(bench, "exact", "--no-native")
    check(stalls, "no stalls")
    check_equal([s for s in stalls if s["native_stack"] is not None], [], "native stacks")
