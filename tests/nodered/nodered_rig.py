"""A real Node-RED for a test: started, given flows, and used as a person at its editor would.

It is a process of its own on loopback with a folder of its own, speaks to nobody in the internet (no telemetry, no
palette), and keeps no sign-in for its editor. Buttons are pressed and messages of its debug side bar are read by the
API that its editor uses. Nothing here sleeps for a time and hopes: every wait has a condition and an end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nodered_install import PROGRAM
from peer_websocket import PeerWebSocket

START_S = 60.0
SETTINGS = """\
module.exports = {
  uiHost: "127.0.0.1", uiPort: %d, userDir: %s, flowFile: "flows.json", credentialSecret: "of-a-test",
  telemetry: { enabled: false, updateNotification: false },
  externalModules: { palette: { allowInstall: false, allowUpload: false }, modules: { allowInstall: false } },
  editorTheme: { palette: { catalogues: [] }, tours: false, projects: { enabled: false } },
  diagnostics: { enabled: false, ui: false }, runtimeState: { enabled: false, ui: false },
  contextStorage: %s,
  logging: { console: { level: "info", metrics: false, audit: false } },
};
"""
# The harsher case: what flows remember outlives Node-RED, so nothing but the flows themselves forgets a permission.
ON_DISK = '{ default: { module: "localfilesystem", config: { flushInterval: 1 } } }'


class NodeRed:
    """``said``: what its debug nodes showed, as (node's name or id, payload). ``shown``: each node's newest badge."""

    def __init__(self, env: Mapping[str, str] | None = None, context: str = ON_DISK) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pw-nodered-"))
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port: int = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = dict(env or {})
        self.said: list[tuple[str, Any]] = []
        self.shown: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._line: PeerWebSocket | None = None
        settings = SETTINGS % (self.port, json.dumps(str(self.folder)), context)
        (self.folder / "settings.js").write_text(settings)
        self.start()

    # ---- the process -----------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start it with whatever flows it had, and wait until they run."""
        node = shutil.which("node")
        assert node is not None
        before = self.log().count("Started flows")
        command = [node, str(PROGRAM), "--userDir", str(self.folder), "--settings", str(self.folder / "settings.js")]
        with (self.folder / "console.out").open("ab") as log:
            environment = os.environ | {"HOME": str(self.folder), "NO_UPDATE_NOTIFIER": "1"} | self.env
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.until(lambda: self.log().count("Started flows") > before, "its flows are started", START_S)
        self.until(self._listen, "its side bar answers", START_S)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None
        if self._listener is not None:
            self._listener.join(30)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        path = self.folder / "console.out"
        return path.read_text(errors="replace") if path.exists() else ""

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = 20.0) -> Any:
        """Ask again, fifty times a second at most, until ``condition`` holds; its value is returned."""
        pause, end = threading.Event(), time.monotonic() + timeout_s
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            pause.wait(0.02)
        newest = "\n".join(map(str, self.said[-15:]))
        raise AssertionError(f"never within {timeout_s:g} s: {what}\n{newest}\n{self.shown}\n{self.log()[-3000:]}")

    # ---- what a person does at the editor --------------------------------------------------------------------------
    def deploy(self, flows: list[dict[str, Any]]) -> None:
        """Import these flows in the place of all others, and deploy; returns when they run."""
        before = self.log().count("Started flows")
        self.shown.clear()
        headers = {"Node-RED-API-Version": "v2", "Node-RED-Deployment-Type": "full", "Content-Type": "application/json"}
        self._post("/flows", json.dumps({"flows": flows}).encode(), headers)
        self.until(lambda: self.log().count("Started flows") > before, "the flows are started")

    def press(self, node: str) -> None:
        """The button of an inject node."""
        self._post(f"/inject/{node}", b"", {})

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        request = urllib.request.Request(self.url + path, body, dict(headers), method="POST")
        with urllib.request.urlopen(request, timeout=20) as reply:
            assert reply.status in (200, 204), reply.status

    def flows(self) -> list[dict[str, Any]]:
        """What it would show in its editor: without credentials."""
        with urllib.request.urlopen(f"{self.url}/flows", timeout=20) as reply:
            found = json.loads(reply.read())
        assert isinstance(found, list)
        return found

    def heard(self, name: str) -> list[Any]:
        """What the debug node of this name or id has shown."""
        return [payload for node, payload in list(self.said) if node == name]

    # ---- its side bar ----------------------------------------------------------------------------------------------
    def _listen(self) -> bool:
        try:
            self._line = PeerWebSocket("127.0.0.1", self.port, "/comms", timeout_s=60.0)
            for topic in ("debug", "status/#"):
                self._line.say({"subscribe": topic})
        except OSError:
            return False
        self._listener = threading.Thread(target=self._hear, args=(self._line,), name="side bar", daemon=True)
        self._listener.start()
        return True

    def _hear(self, line: PeerWebSocket) -> None:
        with suppress(OSError, ValueError):  # it ends with its process
            while True:
                for message in line.hear():
                    self._take(str(message.get("topic", "")), message.get("data"))
        line.close()

    def _take(self, topic: str, data: Any) -> None:
        if topic == "debug" and isinstance(data, dict):
            self.said.append((str(data.get("name") or data.get("id")), _value(data)))
        elif topic.startswith("status/") and isinstance(data, dict):
            self.shown[topic.removeprefix("status/")] = str(data.get("text", ""))


def _value(data: dict[str, Any]) -> Any:
    """What a debug node showed. Its long strings are cut at the length that settings.js names (1,000 characters)."""
    text = data.get("msg")
    if data.get("format", "").startswith(("Object", "array", "error")) and isinstance(text, str):
        with suppress(ValueError):
            return json.loads(text)
    return text
