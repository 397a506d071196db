# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium, told what to do through its DevTools protocol over a pipe: JSON messages
that end with a NUL, on descriptors 3 (to it) and 4 (from it). No driver program, no port."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

TIMEOUT_S = 60
DRAWN = "document.body !== null && document.body.dataset.drawn === (location.hash || '#')"
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--window-size=1300,1600",
)


class Browser:
    """One browser with one page."""

    def __init__(self):
        program = shutil.which("chromium")
        if not program:
            raise RuntimeError("chromium is not installed")
        self.profile = tempfile.mkdtemp(prefix="loopstall-chromium-")
        to_read, self.to = os.pipe()
        self.out, out_write = os.pipe()

        def plumb():
            # Both are moved out of the way first: either may be 3 or 4.
            a, b = os.dup(to_read), os.dup(out_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, "--user-data-dir=" + self.profile, "about:blank"],
            preexec_fn=plumb,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_read)
        os.close(out_write)
        self.buffer = b""
        self.number = 0
        self.events = []
        self.session = None
        target = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"][
            0
        ]
        self.session = self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def close(self):
        os.close(self.to)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.out], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            data = os.read(self.out, 1 << 16)
            if not data:
                raise RuntimeError("the browser has gone")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            answer = self._message(deadline)
            if answer.get("id") != self.number:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise RuntimeError("%s: %s" % (method, answer["error"]))
            return answer["result"]

    def run(self, expression):
        """The value of a JavaScript expression in the page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError("%s: %s" % (expression, result["exceptionDetails"]))
        return result["result"].get("value")

    def wait_for(self, expression):
        """Until it is true."""
        deadline = time.monotonic() + TIMEOUT_S
        while not self.run(expression):
            if time.monotonic() > deadline:
                raise TimeoutError("never true: " + expression)
            time.sleep(0.05)

    def wait_for_address(self, condition):
        """Until the address meets the condition (of `hash`), and the page is drawn as it says."""
        self.wait_for("((hash) => %s)(location.hash) && %s" % (condition, DRAWN))

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for(DRAWN)

    def click(self, selector):
        """With the mouse, at the middle of the first such element."""
        x, y = self.middle(selector)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def wheel(self, selector, dy, shift=False):
        """Turned over the middle of an element."""
        x, y = self.middle(selector)
        self.call(
            "Input.dispatchMouseEvent",
            type="mouseWheel",
            x=x,
            y=y,
            deltaX=0,
            deltaY=dy,
            modifiers=8 if shift else 0,
        )

    def key(self, key):
        """A key by its name: a letter, "Escape", "ArrowLeft"."""
        codes = {"Escape": 27, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39}
        code = codes.get(key, 40 if key == "ArrowDown" else ord(key[0].upper()))
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        self.call(
            "Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def size(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def middle(self, selector):
        return self.run(
            "(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; "
            "})()"
            % json.dumps(selector)
        )

    def mouse(self, kind, x, y):
        self.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left",
            clickCount=1,
            buttons=0 if kind == "mouseReleased" else 1,
        )

    def complaints(self):
        """What the page, or its policy, complained of, and what it asked the network for."""
        found = []
        for event in self.events:
            if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                found.append(json.dumps(event["params"]))
            elif event.get("method") == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith(("file:", "about:")):
                    found.append("request of " + url)
        return found
