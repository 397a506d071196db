# SPDX-License-Identifier: BSD-2-Clause
"""An event loop that runs its own way, as those of nest_asyncio and the GUI toolkits do: it has the
tasks, handles and selector of asyncio, but no frame of asyncio's own loop."""

import asyncio
import heapq


class OwnLoop(asyncio.SelectorEventLoop):
    def run_forever(self):
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            while not self._stopping:
                self._run_once()
        finally:
            self._stopping = False
            asyncio._set_running_loop(before)

    def run_until_complete(self, future):
        future = asyncio.ensure_future(future, loop=self)
        future.add_done_callback(lambda _: self.stop())
        self.run_forever()
        return future.result()

    def _run_once(self):
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        wait_s = 0 if self._ready else None
        if timers and not self._ready:
            wait_s = max(0, timers[0]._when - self.time())
        self._process_events(self._selector.select(wait_s))
        while timers and timers[0]._when <= self.time() + self._clock_resolution:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self._ready.append(timer)
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()
