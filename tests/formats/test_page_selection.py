# SPDX-License-Identifier: BSD-2-Clause
"""The html page in a headless Chromium: what is selected, searched and typed narrows everything at
once, and the figures are those of the stalls."""

from browser import Browser
from lib import CONTROL, TAG, check, equal, parts, stalled_ns, stalls, text
from packed import data_of
from page import BEGIN_NS, URL, Changed, column, milliseconds

ROOT = "document.querySelector('#flame [data-node=\"0\"]').title"
SHOWN = (
    "[...document.querySelectorAll('.lane')].map((l) => l.querySelectorAll('rect.stall').length)"
)
LANES = (4242, 4250, 5151)
WIDTHS = (1400, 500)


def seconds(ns):
    return "%.2f s" % (ns / 1e9) if ns >= 1e9 else milliseconds(ns)


def node_titles(browser):
    """Label, time and stalls of each box of the flame graph, by its number."""
    return browser.run(
        "Object.fromEntries([...document.querySelectorAll('#flame [data-node]')]"
        ".map((b) => [b.dataset.node, b.title]))"
    )


def window(browser):
    """The visible time, in nanoseconds from the beginning."""
    time = browser.run("new URLSearchParams(location.hash.slice(1)).get('time')")
    return tuple(map(int, time.split(","))) if time else None


def inside(span):
    low, high = (BEGIN_NS + ns for ns in span)
    return [
        s for s in stalls() if s["start_ns"] <= high and s["start_ns"] + s["duration_ns"] >= low
    ]


def check_narrowed(browser, wanted, everything=True):
    """Flame graph, tables and the line above them are about these stalls."""
    total = sum(s["duration_ns"] for s in wanted)
    head = browser.run("document.querySelector('#selected').textContent")
    equal(
        head,
        "%d of %d stalls, %s stalled, %s starved"
        % (
            len(wanted),
            len(stalls()),
            seconds(total),
            seconds(sum(s["victims"]["starved_ns"] for s in wanted)),
        ),
        "the line of the selection",
    )
    check(
        browser.run(ROOT).startswith(
            "all loops\n%s, 100.00 %% of stalled time, %d stall" % (seconds(total), len(wanted))
        ),
        "root of the flame graph: %r",
        browser.run(ROOT),
    )
    equal(
        column(browser, "stalls", "duration_ns"),
        [milliseconds(s["duration_ns"]) for s in sorted(wanted, key=lambda s: -s["duration_ns"])],
        "rows of stalls",
    )
    sites = {}
    for stall in wanted:
        call = stall["call"]
        if call:
            sites.setdefault((call["function"], stall["cause"]), []).append(stall)
    for name, cause, number in zip(
        column(browser, "sites", "function"),
        column(browser, "sites", "cause"),
        column(browser, "sites", "stalls"),
    ):
        found = sites.get((name.split(" ")[0], cause))
        check(found and int(number) <= len(found), "site %s %s: %s stalls", name, cause, number)
    # Steps are counted for the whole run only.
    equal(set(column(browser, "coroutines", "steps")), {"-"}, "steps of a selection")
    if everything:
        equal(
            sum(map(int, column(browser, "coroutines", "stalls"))),
            len(wanted),
            "stalls by coroutine",
        )


def test_the_wheel_narrows_everything():
    for width in WIDTHS:
        with Browser() as browser:
            browser.size(width, 1000)
            browser.open(URL)
            browser.wheel(".lane svg", -900)
            browser.wait_for_address("hash.includes('time=')")
            first = window(browser)
            check(first[1] - first[0] < 5e9, "the wheel left %r", first)
            middle = sum(first) / 2
            check(4e9 < middle < 6e9, "it zooms around the pointer, not around %g", middle)
            check_narrowed(browser, inside(first), everything=False)
            equal(
                browser.run(SHOWN),
                [[s["tid"] for s in inside(first)].count(tid) for tid in LANES],
                "stalls in the lanes",
            )
            length = browser.run("history.length")
            browser.wheel(".lane svg", 120, shift=True)
            browser.wait_for_address("!hash.includes('time=%d%%2C')" % first[0])
            moved = window(browser)
            check(moved[0] > first[0], "shift and wheel moved %r to %r", first, moved)
            check(abs((moved[1] - moved[0]) - (first[1] - first[0])) <= 2, "and did not zoom")
            equal(browser.run("history.length"), length, "the wheel's entries in the history")
            browser.wheel(".lane svg", 5000)
            browser.wait_for_address("!hash.includes('time=')")
            equal(sum(browser.run(SHOWN)), len(stalls()), "stalls after the way back")
            # There is nothing to zoom out of: the page scrolls.
            at = browser.run("scrollY")
            browser.wheel(".lane svg", 200)
            browser.wait_for("scrollY > %d" % at)
            equal(window(browser), None, "window")
            equal(browser.complaints(), [], "complaints")


def test_a_selection_of_all_gives_the_sums_of_the_whole_run():
    """The page puts stalls into the tree as the program did."""
    with Browser() as browser:
        browser.open(URL)
        wanted = node_titles(browser)
        browser.run("location.hash = 'time=-1000,99000000000'")
        browser.wait_for_address("hash.includes('time=')")
        check(len(wanted) > 40, "only %d boxes", len(wanted))
        equal(node_titles(browser), wanted, "boxes of the flame graph")
        check_narrowed(browser, stalls(), everything=False)
        equal(browser.complaints(), [], "complaints")


def test_causes_and_loops_narrow():
    with Browser() as browser:
        browser.open(URL)
        browser.click('.legend [data-cause="network"]')
        browser.wait_for_address("hash.includes('cause=network')")
        wanted = [s for s in stalls() if s["cause"] == "network"]
        check_narrowed(browser, wanted)
        equal(set(column(browser, "stalls", "cause")), {"network"}, "causes")
        # What a selection cannot tell is said, not shown with the figures of the run.
        note = browser.run("document.querySelector('#findings-of-the-run').textContent")
        check(note.startswith("without ") and " of the whole run" in note, "note %r", note)
        browser.click(".lane:nth-of-type(4) button.name")
        browser.wait_for_address("hash.includes('loop=5151')")
        check_narrowed(browser, [s for s in wanted if s["tid"] == 5151])
        browser.click("#all-causes")
        browser.wait_for_address("!hash.includes('cause')")
        check_narrowed(browser, [s for s in stalls() if s["tid"] == 5151])
        browser.key("Escape")
        browser.wait_for_address("!hash.includes('loop')")
        equal(column(browser, "coroutines", "steps")[0], "2,000", "steps of the whole run")
        equal(browser.complaints(), [], "complaints")


def test_callers_and_callees():
    """Of fetch_row, which is the innermost frame of nearly every stall."""
    inner = [
        (frames, ns)
        for stall in stalls()
        for frames, _, ns in parts(stall)
        if any(name == "fetch_row" for name, _, _ in frames)
    ]
    total = sum(ns for _, ns in inner)
    boxes = (
        "[...document.querySelectorAll('#%s button')].map((b) => [b.textContent, b.title, "
        "parseFloat(b.style.width), parseFloat(b.style.top)])"
    )
    with Browser() as browser:
        browser.open(URL)
        browser.click("#table-functions tbody tr")
        browser.wait_for_address("hash.includes('function=')")
        shown = browser.run("document.querySelector('#middle').textContent")
        check(shown.startswith("fetch_row app/db.py " + seconds(total)), "in the middle %r", shown)
        callers = browser.run(boxes % "callers")
        lowest = max(top for _, _, _, top in callers)
        near = {name: title for name, title, _, top in callers if top == lowest}
        by_name = {}
        for frames, ns in inner:
            at = [name for name, _, _ in frames].index("fetch_row")
            by_name[frames[at - 1][0]] = by_name.get(frames[at - 1][0], 0) + ns
        equal(len(near), len(by_name), "callers next to it")
        check(
            "\n%s, " % seconds(by_name["handler"]) in next(
                title for name, title in near.items() if name.startswith("handler ")
            ),
            "time of the caller handler: %r, not %d",
            near,
            by_name["handler"],
        )
        widths = sum(width for _, _, width, top in callers if top == lowest)
        check(99 < widths < 100.5, "the callers are %g %% wide", widths)
        callees = {name: title for name, title, _, _ in browser.run(boxes % "callees")}
        equal(
            set(callees), {frames[-1][0] for frames, _ in inner}, "what is below it: the causes"
        )
        # What is selected counts there as well.
        browser.click('.legend [data-cause="network"]')
        browser.wait_for_address("hash.includes('cause=network')")
        few = sum(
            ns for stall in stalls() for frames, _, ns in parts(stall)
            if stall["cause"] == "network" and any(name == "fetch_row" for name, _, _ in frames)
        )
        shown = browser.run("document.querySelector('#middle').textContent")
        check(seconds(few) in shown, "of the selection %r, not %d", shown, few)
        browser.key("Escape")
        browser.wait_for_address("!hash.includes('function')")
        equal(browser.run("document.querySelector('#callers')"), None, "callers after Escape")
        equal(browser.complaints(), [], "complaints")


def test_one_search_finds_everywhere():
    with Browser() as browser:
        browser.open(URL)
        browser.key("/")
        equal(browser.run("document.activeElement.id"), "find", "focus")
        browser.call("Input.insertText", text="recvfrom")
        browser.wait_for_address("hash.includes('find=recvfrom')")
        wanted = [s for s in stalls() if s["call"] and s["call"]["syscall"] == "recvfrom"]
        check(wanted, "no such stall")
        equal(len(column(browser, "stalls", "duration_ns")), len(wanted), "rows of stalls")
        equal(
            browser.run("document.querySelectorAll('rect.stall:not(.unfound)').length"),
            len(wanted),
            "stalls that stand out in the timeline",
        )
        # Their coroutines, although the word is not in those rows.
        names = column(browser, "coroutines", "name")
        check(
            len(names) == 2 and any(name.startswith(TAG) for name in names),
            "coroutines %r",
            [name[:30] for name in names],
        )
        browser.key("Escape")
        browser.run("location.hash = 'find=web.py'")
        browser.wait_for_address("hash === '#find=web.py'")
        check(browser.run("document.querySelectorAll('#flame .found').length") > 0, "found boxes")
        found = browser.run("document.querySelector('#found-stacks').textContent")
        check(found.startswith("found: "), "time of what is found: %r", found)
        # By its route, and by file and line.
        for find, test in (
            ("get /orders/{id}", lambda s: (s["request"] or {}).get("route") == "/orders/{id}"
             and s["request"]["method"] == "GET"),
            ("db.py:31", lambda s: any(f["line"] == 31 for f in s["stack"])),
        ):
            browser.run("location.hash = 'find=' + encodeURIComponent('%s')" % find)
            browser.wait_for("document.body.dataset.drawn === location.hash")
            equal(
                len(column(browser, "stalls", "duration_ns")),
                len([s for s in stalls() if test(s)]),
                "rows with " + find,
            )
        equal(browser.complaints(), [], "complaints")


def test_keys():
    with Browser() as browser:
        browser.open(URL)
        browser.run("document.getElementById('lanes').focus()")
        for key, test in (
            ("+", lambda a, b: abs((b[1] - b[0]) - 5e9) < 2e7),
            ("ArrowRight", lambda a, b: b[0] > a[0] and abs((b[1] - b[0]) - (a[1] - a[0])) < 3),
            ("ArrowLeft", lambda a, b: b[0] < a[0]),
            ("-", lambda a, b: b is None),
        ):
            before, hash_ = window(browser), browser.run("location.hash")
            browser.key(key)
            browser.wait_for_address("hash !== '%s'" % hash_)
            check(test(before, window(browser)), "%s: %r, then %r", key, before, window(browser))
        equal(browser.run("document.activeElement.id"), "lanes", "focus after these")
        shown = []
        for key in "nnp":
            hash_ = browser.run("location.hash")
            browser.key(key)
            browser.wait_for_address("hash !== '%s'" % hash_)
            shown.append(browser.run("new URLSearchParams(location.hash.slice(1)).get('stall')"))
        equal(shown, ["0", "1", "0"], "stalls by n and p")
        browser.key("?")
        browser.wait_for("document.querySelector('#keys') !== null")
        for _ in range(2):
            browser.key("Escape")
        browser.wait_for("document.querySelector('#keys, #stall') === null")
        # In the flame graph: the child, its sibling, the parent, callers and callees.
        browser.run("document.querySelector('#flame [data-node=\"0\"]').focus()")
        browser.key("ArrowDown")
        first = browser.run("document.activeElement.dataset.node")
        browser.key("ArrowRight")
        check(browser.run("document.activeElement.dataset.node") not in ("0", first), "sibling")
        browser.key("ArrowUp")
        equal(browser.run("document.activeElement.dataset.node"), "0", "parent")
        browser.key("ArrowDown")
        browser.key("Enter")
        browser.wait_for_address("hash.includes('flame=%s')" % first)
        equal(browser.run("document.activeElement.dataset.node"), first, "focus after the zoom")
        browser.run("document.querySelector('#table-stalls tbody tr').focus()")
        browser.key("Enter")
        browser.wait_for("document.querySelector('#stall') !== null")
        equal(browser.complaints(), [], "complaints")


def test_every_stall_in_detail():
    """A name is text wherever it is shown: nothing runs, no element comes of it."""
    elements = "document.querySelectorAll('img, iframe, a, script').length"
    with Browser() as browser:
        browser.open(URL)
        usual = browser.run(elements)
        data = data_of(text("html"))
        for i, stall in enumerate(data["stalls"]):
            browser.run("location.hash = 'stall=%d&function=%d'" % (i, i))
            browser.wait_for("document.body.dataset.drawn === location.hash")
            shown = browser.run("document.querySelector('#stall').innerText")
            check(milliseconds(stall["duration_ns"]) in shown, "stall %d: %r", i, shown)
            check(CONTROL not in shown and "\u202e" not in shown, "stall %d: raw characters", i)
            source = stall["source"]
            equal(bool(source), browser.run("document.querySelector('#source') !== null"), "source")
            if source:
                at = browser.run("document.querySelector('#source .at').textContent")
                equal(at, "   31      time.sleep(0.025)", "the line")
                check(TAG in browser.run("document.querySelector('#source').textContent"), "tag")
        equal(browser.run(elements), usual, "elements")
        equal(
            [e for e in browser.events if e.get("method") == "Page.javascriptDialogOpening"],
            [],
            "dialogs",
        )
        equal(browser.complaints(), [], "complaints")


def test_times_of_the_wall_clock():
    def change(data):
        data["clock_offset_us"] = 1700000000000000

    with Changed(change) as url, Browser() as browser:
        browser.call("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
        browser.open(url)
        # 123450 s later it is 08:30:50 UTC.
        at = sorted(column(browser, "stalls", "start_ns"))
        equal(at[0], "14:00:50.100", "time of the first stall")
        run = browser.run("document.querySelector('#run').textContent")
        check("2023-11-16 14:00:50 to 14:01:00 (UTC+05:30)" in run, "the run: %r", run)
        for fact in ("threshold 10.0 ms", "mode exact", "loopstall 0.1", "Linux 6.1.0", "box "):
            check(fact in run, "no %r in %r", fact, run)
        axis = browser.run("[...document.querySelectorAll('.axis span')].map((s) => s.innerText)")
        check("14:00:54" in axis, "axis %r", axis)
        browser.run("location.hash = 'time=500000000,600000000&stall=1'")
        browser.wait_for_address("hash.includes('stall')")
        check(
            "2023-11-16 14:00:50 (UTC+05:30), +500 ms"
            in browser.run("document.querySelector('#stall').innerText"),
            "time in detail: %r",
            browser.run("document.querySelector('#stall').innerText"),
        )
        equal(browser.complaints(), [], "complaints")


def test_what_light_mode_did_not_count():
    def change(data):
        row = {"steps": 4700, "total_ns": None, "p50_ns": 12345, "p99_ns": None}
        data["light"] = {"steps": 5100, "rows": [row] * len(data["summary"]["groups"]["rows"])}

    with Changed(change) as url, Browser() as browser:
        browser.open(url)
        for name, shown in (
            ("steps", "~4,700"),
            ("total_ns", "-"),
            ("p50_ns", "~12.3 us"),
            ("p99_ns", "-"),
        ):
            equal(set(column(browser, "coroutines", name)), {shown}, name)
        check("~5,100" in browser.run("document.querySelector('.figures').innerText"), "steps")
        equal(browser.complaints(), [], "complaints")


def test_a_run_without_stalls():
    def change(data):
        data["stalls"] = {"rows": 0, "columns": []}
        data["flame"] = {"frames": [["all", "all loops", "", 0]], "nodes": [[0, 0, 0, 0]], "cut": 0}
        data["summary"].update(
            stalls=0, starved_ns=0, findings=[], headline=None, call_sites=[], victims=[]
        )

    with Changed(change) as url, Browser() as browser:
        browser.open(url)
        verdict = "document.querySelector('#verdict')"
        check(
            browser.run(verdict + ".textContent").startswith("No stall of 10.0 ms or longer."),
            "verdict %r",
            browser.run(verdict + ".textContent"),
        )
        check(browser.run(verdict + ".classList.contains('calm')"), "it does not look calm")
        equal(
            browser.run(
                "[...document.querySelectorAll('section')].filter((s) => s.offsetHeight)"
                ".map((s) => s.id)"
            ),
            [
                "section-coroutines-table",
                "section-pools-table",
                "section-gil_holders-table",
                "section-lock_holders-table",
            ],
            "what is shown",
        )
        equal(browser.complaints(), [], "complaints")


def test_it_fits_and_prints():
    for width in WIDTHS:
        with Browser() as browser:
            browser.size(width, 900)
            for hash_ in ("", "#stall=1&function=5&time=1000000000,4000000000&keys=1"):
                browser.open(URL + hash_)
                equal(
                    browser.run("document.documentElement.scrollWidth"),
                    browser.run("document.documentElement.clientWidth"),
                    "width of the content at %d, %r" % (width, hash_),
                )
            browser.call(
                "Emulation.setEmulatedMedia",
                media="print",
                features=[{"name": "prefers-color-scheme", "value": "dark"}],
            )
            equal(
                browser.run("getComputedStyle(document.body).backgroundColor"),
                "rgb(255, 255, 255)",
                "paper",
            )
            equal(
                browser.run("getComputedStyle(document.querySelector('#find')).display"),
                "none",
                "the search on paper",
            )
            pdf = browser.call("Page.printToPDF", printBackground=True)["data"]
            check(len(pdf) > 20000, "%d characters of PDF", len(pdf))
            equal(browser.complaints(), [], "complaints")


def test_the_whole_of_the_time_is_shown():
    """No stall is lost between the sums and the tree."""
    with Browser() as browser:
        browser.open(URL)
        check(browser.run(ROOT).startswith("all loops\n" + seconds(stalled_ns())), "root")
