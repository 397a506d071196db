# SPDX-License-Identifier: BSD-2-Clause
"""The html page in a headless Chromium: it draws, sorts, zooms and finds, without the network, and
a name stays a name."""

import re

from browser import Browser
from lib import CAUSES, CONTROL, TAG, check, equal, lines_of_json, stalled_ns, stalls, text
from packed import data_of
from page import BEGIN_NS, URL, column, milliseconds

def test_file():
    page = text("html")
    check(page.isascii(), "not ASCII")
    equal(page.count("<script"), 2, "script elements")
    equal(page.count("</script"), 2, "ends of them")
    check(not re.search(r"(?:src|href)\s*=\s*[\"']?http", page), "something from the network")
    data = data_of(page)
    wanted = sorted(stalls(), key=lambda s: s["start_ns"])
    # The page knows the time of day from the clock's offset.
    equal([s.pop("wall_time") for s in wanted], [None] * len(wanted), "wall times")
    equal(data["clock_offset_us"], None, "offset of the clock")
    equal(data["stalls"], wanted, "stalls")
    summary = lines_of_json()[-1]
    equal(data["victims"], len(summary["victims"]), "victims")
    for unused in ("coroutines", "payers"):
        del summary[unused]
    equal(data["summary"], summary, "summary")


def test_it_draws():
    with Browser() as browser:
        browser.open(URL)
        equal(browser.run("document.querySelectorAll('.lane').length"), 3, "lanes")
        equal(
            browser.run("document.querySelectorAll('rect.stall').length"),
            len(stalls()),
            "stalls in the timeline",
        )
        # Seven coroutines, (other), and the turns.
        equal(len(column(browser, "coroutines", "name")), 9, "rows of coroutines")
        equal(len(column(browser, "findings", "what")), 18, "rows of findings")
        headline = browser.run("document.querySelector('#headline').textContent")
        check(headline.startswith("Fixing this line removes"), "headline %r", headline)
        equal(len(column(browser, "sites", "function")), 4, "rows of call sites")
        equal(len(column(browser, "victims", "name")), 3, "rows of victims")
        equal(len(column(browser, "stalls", "duration_ns")), len(stalls()), "rows of stalls")
        equal(
            browser.run("document.querySelectorAll('.legend [title]').length"),
            len(CAUSES),
            "legend",
        )
        verdict = browser.run("document.querySelector('#verdict').textContent")
        check("%d stalls" % len(stalls()) in verdict, "verdict")
        check(
            "records_lost" in browser.run("document.querySelector('#losses').textContent"), "losses"
        )
        equal(
            browser.run("document.querySelector('#flame [data-node=\"0\"]').title"),
            "all loops\n%.2f s, 100.00 %% of stalled time, %d stalls"
            % (stalled_ns() / 1e9, len(stalls())),
            "the flame graph's sum",
        )
        # A name is text: no element came of it, nothing ran, and what is invisible is written out.
        equal(
            browser.run(
                "document.querySelectorAll('img, iframe, a, script:not([id]) ~ script').length"
            ),
            0,
            "strange elements",
        )
        names = column(browser, "coroutines", "name")
        check(any(name.startswith(TAG) for name in names), "the tag in %r", names)
        check(
            any(name.startswith("x\\u001b[2J") for name in names),
            "the control characters in %r",
            names,
        )
        check(
            CONTROL not in "".join(names)
            and "\u202e" not in browser.run("document.body.innerText"),
            "raw characters",
        )
        equal(browser.complaints(), [], "complaints")


def test_it_sorts():
    with Browser() as browser:
        browser.open(URL)
        shown = [milliseconds(ns) for ns in sorted(stall["duration_ns"] for stall in stalls())]
        equal(column(browser, "stalls", "duration_ns"), shown[::-1], "the longest first")
        browser.click('#table-stalls [data-column="duration_ns"]')
        browser.wait_for_address("hash.includes('sort-stalls=duration_ns')")
        equal(column(browser, "stalls", "duration_ns"), shown, "the shortest first")
        equal(
            browser.run("document.querySelector('#table-stalls [aria-sort]').textContent"),
            "duration",
            "sorted column",
        )
        browser.click('#table-stalls [data-column="cause"]')
        browser.wait_for_address("hash.includes('sort-stalls=cause')")
        causes = column(browser, "stalls", "cause")
        equal(causes, sorted(causes), "causes by name")
        browser.click('#table-coroutines [data-column="steps"]')
        browser.wait_for_address("hash.includes('sort-coroutines=-steps')")
        equal(column(browser, "coroutines", "steps")[:2], ["7,000", "6,000"], "most steps first")
        browser.run("history.back()")
        browser.wait_for_address("!hash.includes('sort-coroutines')")
        equal(column(browser, "coroutines", "steps")[0], "2,000", "back to most starved first")
        equal(browser.complaints(), [], "complaints")


def test_it_zooms_the_flame_graph():
    with Browser() as browser:
        browser.open(URL)
        find = (
            "[...document.querySelectorAll('#flame button')]"
            ".find((b) => b.textContent === 'loop 5151 of 5151')"
        )
        node = browser.run(find + ".dataset.node")
        before = browser.run(find + ".getBoundingClientRect().width")
        browser.click('#flame [data-node="%s"]' % node)
        browser.wait_for_address("hash.includes('flame=%s')" % node)
        after = browser.run(find + ".getBoundingClientRect().width")
        whole = browser.run("document.querySelector('#flame').getBoundingClientRect().width")
        check(
            before < whole / 5 and after > 0.99 * whole, "from %g to %g of %g", before, after, whole
        )
        check(
            not browser.run(
                "[...document.querySelectorAll('#flame button')].some((b) => "
                "b.textContent.startsWith('handler()'))"
            ),
            "stacks of other loops are still there",
        )
        browser.click("#all-stacks")
        browser.wait_for_address("!hash.includes('flame')")
        equal(
            browser.run(find + ".getBoundingClientRect().width"), before, "width after the way back"
        )
        equal(browser.complaints(), [], "complaints")


def test_it_zooms_the_timeline():
    with Browser() as browser:
        browser.open(URL)
        left, top, width = browser.run(
            "(() => { const e = document.querySelector('.lane svg');"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.x, b.y + 4, b.width]; })()"
        )
        browser.mouse("mousePressed", left + 0.55 * width, top)
        browser.mouse("mouseMoved", left + 0.60 * width, top)
        browser.mouse("mouseReleased", left + 0.75 * width, top)
        browser.wait_for_address("hash.includes('time=')")
        # Of ten seconds: the outer stall and the one inside it on the first loop, a turn on the
        # third, and what causes there are.
        shown = [s["tid"] for s in stalls() if 5.5 < (s["start_ns"] - BEGIN_NS) / 1e9 < 7.5]
        equal(
            browser.run(
                "[...document.querySelectorAll('.lane')].map((l) => "
                "l.querySelectorAll('rect.stall').length)"
            ),
            [shown.count(tid) for tid in (4242, 4250, 5151)],
            "stalls left",
        )
        browser.click("#whole-run")
        browser.wait_for_address("!hash.includes('time=')")
        equal(
            browser.run("document.querySelectorAll('rect.stall').length"),
            len(stalls()),
            "all of them again",
        )
        equal(browser.complaints(), [], "complaints")


def test_a_stall_in_detail_and_a_search_from_the_address():
    with Browser() as browser:
        wanted = [
            i for i, s in enumerate(data_of(text("html"))["stalls"]) if s["cause"] == "sleep"
        ][0]
        browser.open(URL + "#stall=%d&find=poller" % wanted)
        shown = browser.run("document.querySelector('#stall').textContent")
        for part in (
            "25.0 ms step",
            "clock_nanosleep",
            "/srv/app/db.py:31 in fetch_row",
            "14 tasks waited",
            "resumed in acquire app/pool.py:44, suspended in release app/pool.py:52",
        ):
            check(part in shown, "no %r in %r", part, shown)
        equal(
            set(name.split("(")[0] for name in column(browser, "coroutines", "name")),
            {"Poller.run.<locals>.tick"},
            "found",
        )
        browser.click('rect.stall[data-stall="0"]')
        browser.wait_for("document.querySelector('#stall').textContent.includes('20.0 ms step')")
        # Numbers that are no stall and no node are nothing, not an error.
        browser.run("location.hash = 'stall=-1&flame=1e99&time=x&sort-stalls=nonsense'")
        browser.wait_for("document.querySelector('#stall') === null")
        equal(browser.complaints(), [], "complaints")


def test_dark_and_light():
    with Browser() as browser:
        colors = []
        for scheme in ("light", "dark"):
            browser.call(
                "Emulation.setEmulatedMedia",
                features=[{"name": "prefers-color-scheme", "value": scheme}],
            )
            browser.open(URL)
            colors.append(browser.run("getComputedStyle(document.body).backgroundColor"))
        equal(colors, ["rgb(255, 255, 255)", "rgb(21, 24, 28)"], "backgrounds")


def test_who_waited_is_folded():
    """Three names or more that differ in their number alone are one; what has no name is told."""
    shown = sorted(stalls(), key=lambda s: s["start_ns"])
    index = next(i for i, s in enumerate(shown) if "heartbeat-2" in s["victims"]["tasks"])
    with Browser() as browser:
        browser.open(URL)
        browser.run("location.hash = 'stall=%d'" % index)
        browser.wait_for("!!document.querySelector('#waited')")
        said = browser.run("document.querySelector('#waited').innerText")
        check(said.startswith("14 tasks waited "), "%r", said)
        names = said.split("in all: ")[1]
        equal(names, "Task-3 reader heartbeat-* (4) and 8 more", "names")
