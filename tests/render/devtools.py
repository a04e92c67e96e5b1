"""A page in Chromium, driven through its DevTools: what it loads, runs and shows, and what clicking and typing does."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.render.browser import FLAGS

_PATIENCE = 30
"""Seconds."""


class Page:
    """One page. `requests` are the addresses that it asked for, `errors` what its console says went wrong."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._loaded = False
        self._scripted = True
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = str(self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Performance.enable", timeDomain="threadTicks")

    def open(self, file: Path) -> None:
        """Open it, and wait until it has loaded."""
        self._loaded = False
        self.requests.clear()
        self.send("Page.navigate", url=file.resolve().as_uri())
        while not self._loaded:
            self._take(self._message())
        if self._scripted:
            self.settle()

    def worked(self) -> float:
        """Seconds of the processor's that the page's scripts, layout and styles have taken since it was opened."""
        metrics = self.send("Performance.getMetrics")["metrics"]
        assert isinstance(metrics, list)
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    def settle(self) -> None:
        """Wait until what was asked for last is drawn."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    def evaluate(self, script: str) -> object:
        """The value of this JavaScript, awaited."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def look(self, *, width: int = 1000, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Have this many CSS pixels, this colour scheme, this kind of medium (`print`)."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def without_scripts(self) -> None:
        """From the next page on, run none."""
        self._scripted = False
        self.send("Emulation.setScriptExecutionDisabled", value=True)

    def press(self, key: str, code: str) -> None:
        """A key goes down and up."""
        text = {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=code)

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        """`mouseMoved`, `mousePressed`, `mouseReleased` at a place of the window."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def photograph(self, target: Path, *, whole: bool = False) -> None:
        """Write what it shows as a PNG."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        target.write_bytes(base64.b64decode(str(answer["data"])))

    def print(self, target: Path) -> None:
        """Write it as a PDF."""
        target.write_bytes(base64.b64decode(str(self.send("Page.printToPDF", printBackground=True)["data"])))

    def send(self, method: str, **parameters: object) -> Mapping[str, object]:
        """Call a method of the protocol, and wait for its answer."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result = answer["result"]
                assert isinstance(result, dict)
                return result
            self._take(answer)

    def _message(self) -> Mapping[str, object]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._back], [], [], _PATIENCE)
            assert ready, f"Chromium has said nothing for {_PATIENCE} s: does a script never end?"
            read = os.read(self._back, 1 << 20)
            assert read, "Chromium ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        found: Mapping[str, object] = json.loads(message)
        return found

    def _take(self, event: Mapping[str, object]) -> None:
        parameters = event.get("params")
        assert isinstance(parameters, dict)
        match event.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.errors.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.errors.append(json.dumps(parameters["args"]))


@contextmanager
def a_page() -> Iterator[Page]:
    """A page in a browser of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        (to_read, to), (back, back_write) = os.pipe(), os.pipe()
        browser = ["chromium", *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        # DevTools reads file descriptor 3 and writes 4
        wrapper = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{back_write}', "bash", *browser]
        with subprocess.Popen(
            wrapper, pass_fds=(to_read, back_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            os.close(to_read)
            os.close(back_write)
            try:
                yield Page(to, back)
            finally:
                process.kill()
                os.close(to)
                os.close(back)
