"""A report full of trouble, and a headless Chromium to look at it.

The browser is driven through its debugging pipe, which needs no package and no port.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from children import children

from genbench.interfaces import Column
from genbench.results.protocol import Protocol
from genbench.results.record import Record
from genbench.tables.build import build
from genbench.tables.table import Document, Figure

HOSTILE = "a|b<script>alert(1)</script>"  # a name of a model, of a figure, of anything
COLUMNS = {
    "fid": Column("FID", lower_is_better=True),
    "recall": Column("recall", lower_is_better=False),
}
# fid and recall of each model; None: not measured
NUMBERS: dict[str, tuple[float, float | None]] = {
    "ten": (10.0, 0.5),
    HOSTILE: (9.0, None),
    "hundred": (100.0, 0.7),
    "real images": (1.0, 0.9),
}
PNG = base64.b64decode(  # one grey pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)

# Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 103), os.dup2(int(sys.argv[2]), 104)
os.dup2(103, 3), os.dup2(104, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
PATIENCE = 1800.0  # seconds without a word; if it ends, that is noticed at once
DOMAINS = ("Page", "Runtime", "Log", "Network")


class Browser:
    """One page of one browser. ``events`` keeps everything the page reported, in order."""

    def __init__(self, commands: int, answers: int) -> None:
        self.commands, self.answers = commands, answers
        self.events: list[dict[str, Any]] = []
        self.rest = b""
        self.last = 0
        self.session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in DOMAINS:
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its answer."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.last:
                assert "error" not in answer, answer
                return answer["result"]  # type: ignore[no-any-return]  # plain JSON
            self.events.append(answer)

    def open(self, file: Path) -> None:
        """Load a file and wait until it is there."""
        self.events.clear()
        self.send("Page.navigate", url=file.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """A key, as the keyboard would give it."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], PATIENCE)
            assert ready, f"the browser has been silent for {PATIENCE} s"
            read = os.read(self.answers, 1 << 20)
            assert read, "the browser has gone"
            self.rest += read
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)  # type: ignore[no-any-return]  # an object, by the protocol


@contextlib.contextmanager
def _browser(program: str) -> Iterator[Browser]:
    """A browser with a profile of its own, gone at the end."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), program]
        with children() as start:
            start(*command, *QUIET, f"--user-data-dir={profile}", pass_fds=(theirs_in, theirs_out))
            os.close(theirs_in)
            os.close(theirs_out)
            yield Browser(ours_out, ours_in)
        os.close(ours_out)
        os.close(ours_in)


@pytest.fixture(scope="session")
def hostile() -> str:
    """A name that is markup in every form."""
    return HOSTILE


@pytest.fixture(scope="session")
def report() -> Document:
    """Two columns; three models, one of them hostile, and real images; one number missing."""
    records = [
        _record(model, score, value)
        for model, numbers in NUMBERS.items()
        for score, value in zip(COLUMNS, numbers, strict=True)
    ]
    records.append(_record("ten", "fid", 8.0, samples=50_000))
    return Document(
        title=f"Report of {HOSTILE}",
        lead=(f"- Lead with *stars* and {HOSTILE}",),
        tables=tuple(build(records, lambda _, score: COLUMNS[score])),
        figures=(Figure(f"Samples of {HOSTILE}", "Not chosen.", PNG, f"one pixel of {HOSTILE}"),),
        facts=(("command", "genbench report \x1b[31mred"),),
        next_steps=("genbench train ``` --set a=1",),
    )


@pytest.fixture(scope="session")
def page() -> Iterator[Browser]:
    """A browser: CHROMIUM, or chromium on the path."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not program:
        pytest.skip("no chromium on the path and none in CHROMIUM")
    with _browser(program) as found:
        yield found


def _record(model: str, score: str, value: float | None, samples: int = 10_000) -> Record:
    protocol = Protocol(
        metric=score,
        version=1,
        parameters={},
        inputs={"samples": {"network": {"name": "net", "digest": "ab" * 32}}},
        images={"samples": samples},
        splits={},
        dataset="faces",
        fingerprint="cd" * 32,
        recipe={"resize": "bilinear"},
        resolution=64,
    )
    return Record(
        evaluation="e",
        time="2030-01-01T00:00:00+00:00",
        model=model,
        anchor=model == "real images",
        run=f"run of {model}",
        dataset="faces",
        resolution=64,
        metric=score,
        score=score,
        value=value,
        spread=None if value is None else value / 100,
        spread_over="std over 5 sets",
        reason="cannot recall <b>anything</b>" if value is None else None,
        protocol=None if value is None else protocol.canonical(),
        protocol_id=None if value is None else protocol.id,
    )
