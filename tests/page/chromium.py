"""A real headless Chromium, driven through DevTools' protocol over a pair of pipes.

What a test does goes through the browser's own input: the mouse, the keyboard, the choice of files.
The protocol needs no package: messages are JSON that end with a null byte, on descriptors 3 and 4.
"""

import base64
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
PATIENCE = 120.0  # seconds for what should take a moment; a busy machine is slow
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class Chromium:
    """One page of a browser. `errors`: what its console and its scripts have reported."""

    def __init__(self, profile: Path, options: Sequence[str] = ()) -> None:
        """Start the browser with a new profile."""
        assert PROGRAM is not None
        ours_out, theirs_in = os.pipe(), os.pipe()
        shell = f'exec "$0" "$@" 3<&{theirs_in[0]} 4>&{ours_out[1]}'
        arguments = [PROGRAM, *_OPTIONS, f"--user-data-dir={profile}", *options, "about:blank"]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", shell, *arguments],
            pass_fds=(theirs_in[0], ours_out[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in[0])
        os.close(ours_out[1])
        self._read, self._write = ours_out[0], theirs_in[1]
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self.errors: list[str] = []
        self.requested: list[str] = []
        pages = self.call("Target.getTargets")["targetInfos"]
        page = next(each for each in pages if each["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self) -> None:
        """End the browser and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(end, method)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self, end: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, end - time.monotonic()))
            assert ready, f"{method}: the browser did not answer"
            piece = os.read(self._read, 2**16)
            assert piece, f"{method}: the browser ended"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, given: dict[str, Any]) -> None:
        if method == "Log.entryAdded" and given["entry"]["level"] == "error":
            self.errors.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        elif method == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
            self.errors.append(
                str([each.get("description", each.get("value")) for each in given["args"]])
            )
        elif method == "Network.requestWillBeSent":
            self.requested.append(given["request"]["url"])

    def open(self, url: str) -> None:
        """Load a page anew, whatever was shown before."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """Return what an expression gives, after what it promises has come."""
        given = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def wait(self, script: str, why: str = "") -> Any:
        """Wait until an expression gives something true, and return that."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.run(script)
            if found or found == {}:  # an element
                return found
            time.sleep(0.03)
        text = self.run("document.body.innerText")
        raise AssertionError(f"never: {why or script}\n{self.errors}\n{text}")

    def text(self, selector: str) -> str:
        """Wait for an element with a text, and return that."""
        found: str = self.wait(f"document.querySelector({json.dumps(selector)})?.innerText")
        return found

    def find(self, selector: str, text: str = "") -> tuple[float, float]:
        """Wait for an element, scroll it into view, and return its middle."""
        chosen, wanted = json.dumps(selector), json.dumps(text)
        self.wait(
            f"""(() => {{
              const node = [...document.querySelectorAll({chosen})]
                .find((each) => !each.disabled
                  && (!{wanted} || each.textContent.trim() === {wanted}));
              node?.scrollIntoView({{ block: "center", behavior: "instant" }});
              window.found = node;
              return Boolean(node);
            }})()""",
            f"{selector} {text}",
        )
        x, y = self.run(
            "(() => { const b = found.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return x, y

    def click(self, selector: str, text: str = "") -> None:
        """Click on the middle of an element, with the mouse."""
        x, y = self.find(selector, text)
        self.stroke([(x, y)])

    def stroke(self, points: Sequence[tuple[float, float]]) -> None:
        """Press the mouse at the first point, move it along the others, and release it."""
        self._mouse("mouseMoved", points[0], 0)
        self._mouse("mousePressed", points[0], 1)
        for point in points[1:]:
            self._mouse("mouseMoved", point, 1)
        self._mouse("mouseReleased", points[-1], 0)

    def _mouse(self, kind: str, point: tuple[float, float], buttons: int) -> None:
        x, y = point
        self.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="none" if kind == "mouseMoved" and not buttons else "left",
            buttons=buttons,
            clickCount=1,
        )

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def key(self, key: str, code: int) -> None:
        """Press and release a key. code: the one that Windows uses."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files in a field, as a person does in the dialog."""
        self.wait(f"Boolean(document.querySelector({json.dumps(selector)}))")
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def look(self, width: int, height: int, scheme: str = "light") -> None:
        """Set the window's size and whether the person wants a light or a dark page."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def picture(self, path: Path, *, whole: bool = True, kind: str = "png", **options: Any) -> None:
        """Write a picture of the page."""
        given = self.call(
            "Page.captureScreenshot", format=kind, captureBeyondViewport=whole, **options
        )
        path.write_bytes(base64.b64decode(given["data"]))


@contextmanager
def chromium(profile: Path, *options: str) -> Iterator[Chromium]:
    """Give a browser, and end it."""
    browser = Chromium(profile, options)
    try:
        yield browser
    finally:
        browser.close()
