"""A real Home Assistant for a test: started, onboarded, connected to a broker, asked and watched as its users do.

It is a process of its own on loopback, with a folder of its own, and installs nothing (homeassistant_install.py did).
Nothing here sleeps for a time and hopes: every wait has a condition and an end.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeassistant_install import Release
from peer_websocket import PeerWebSocket

START_S = 90.0
CLIENT = "http://powerwarden.test/"  # who asks for the tokens; nobody calls it
OWNER = {"name": "Owner", "username": "owner", "password": "owner-of-the-house", "language": "en"}
CONFIG = """\
homeassistant:
  name: Home
  unit_system: metric
  time_zone: Europe/Berlin
  currency: EUR
  country: DE
http:
  server_host: 127.0.0.1
  server_port: {port}
frontend:
history:
logbook:
energy:
recorder:
  commit_interval: 1
automation: !include automations.yaml
logger:
  default: warning
  logs: {{homeassistant.components.mqtt: info, homeassistant.components.automation: info}}
"""


class HomeAssistantRig:
    """``folder`` holds its configuration. ``url``: where its API and its pages are."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.folder = Path(tempfile.mkdtemp(prefix="pw-ha-"))
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port: int = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.refresh_token = ""
        self.process: subprocess.Popen[bytes] | None = None
        (self.folder / "configuration.yaml").write_text(CONFIG.format(port=self.port))
        (self.folder / "automations.yaml").write_text("[]\n")

    def set_up(self, broker_port: int, user: str, password: str) -> None:
        """The first start, with the owner's account and the broker."""
        self.start()
        self._onboard()
        self._connect(broker_port, user, password)

    # ---- the process -----------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start it, and wait until it answers and has started everything."""
        log = (self.folder / "console.out").open("ab")
        command = [str(self.release.command), "--config", str(self.folder), "--skip-pip"]
        with log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self.until(self._answers, "Home Assistant answers", START_S)

    def stop(self, kill: bool = False) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self.process = None

    def restart(self) -> None:
        """Stop and start; returns when it runs again, as its own API says."""
        self.stop()
        self.start()
        self.until(lambda: self.get("/api/config")["state"] == "RUNNING", "Home Assistant runs", START_S)

    def close(self) -> None:
        self.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
        """Ask again, twenty times a second at most, until ``condition`` holds; its value is returned."""
        pause, end = threading.Event(), time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self.process is not None and self.process.poll() is not None:
                break
            value = condition()
            if value:
                return value
            pause.wait(0.05)
        raise AssertionError(f"never within {timeout_s:g} s: {what}\n{self.console()[-3000:]}\n{self.log()[-3000:]}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/manifest.json", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    # ---- the first start -------------------------------------------------------------------------------------------
    def _onboard(self) -> None:
        """The owner's account, then its pages need no more questions (they would start services of the internet)."""
        code = self.call("POST", "/api/onboarding/users", {"client_id": CLIENT} | OWNER)["auth_code"]
        said = self._token({"grant_type": "authorization_code", "code": code})
        self.refresh_token = said["refresh_token"]

    def _token(self, form: dict[str, str]) -> Any:
        body = urllib.parse.urlencode({"client_id": CLIENT} | form).encode()
        with urllib.request.urlopen(f"{self.url}/auth/token", body, timeout=20) as reply:
            said = json.loads(reply.read())
        self.token = said["access_token"]
        return said

    def _connect(self, port: int, user: str, password: str) -> None:
        """Add the broker by the dialogue that a user goes through, then start once more."""
        flow = self.call("POST", "/api/config/config_entries/flow", {"handler": "mqtt", "show_advanced_options": True})
        told = {"broker": "127.0.0.1", "port": port, "username": user, "password": password}
        if flow["type"] == "menu":
            flow = self.call("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", {"next_step_id": "broker"})
        done = self.call("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", told)
        assert done["type"] == "create_entry", done
        self.stop()
        steps = {"done": ["user", "core_config", "analytics", "integration"]}
        onboarding = {"version": 4, "minor_version": 1, "key": "onboarding", "data": steps}
        (self.folder / ".storage" / "onboarding").write_text(json.dumps(onboarding))
        self.start()
        self._token({"grant_type": "refresh_token", "refresh_token": self.refresh_token})
        self.until(lambda: self.get("/api/config")["state"] == "RUNNING", "Home Assistant runs", START_S)

    # ---- its API ---------------------------------------------------------------------------------------------------
    def call(self, method: str, path: str, body: object | None = None) -> Any:
        """Its answer. Raises AssertionError with what it said when that is no success."""
        status, said = self.try_call(method, path, body)
        assert status in (200, 201), (method, path, status, said)
        return said

    def try_call(self, method: str, path: str, body: object | None = None, plain: bool = False) -> tuple[int, Any]:
        """Status and answer, which is JSON unless it is ``plain`` or an error."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                said = reply.read()
                return reply.status, said.decode() if plain else json.loads(said or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def states(self) -> dict[str, dict[str, Any]]:
        """Every entity's state by its id."""
        return {state["entity_id"]: state for state in self.get("/api/states")}

    def state(self, entity: str) -> str:
        """One entity's state; "" where there is no such entity."""
        status, said = self.try_call("GET", f"/api/states/{entity}")
        return str(said["state"]) if status == 200 else ""

    def attributes(self, entity: str) -> dict[str, Any]:
        return dict(self.get(f"/api/states/{entity}")["attributes"])

    def do(self, service: str, **data: object) -> int:
        """Call a service such as "number.set_value". Returns the status code."""
        return self.try_call("POST", f"/api/services/{service.replace('.', '/')}", data)[0]

    def ask(self, kind: str, **fields: object) -> Any:
        """One command over its WebSocket, such as "config/entity_registry/list"."""
        line = PeerWebSocket("127.0.0.1", self.port, "/api/websocket")
        try:
            line.hear()
            line.say({"type": "auth", "access_token": self.token})
            assert line.hear()["type"] == "auth_ok"
            line.say({"id": 1, "type": kind} | fields)
            said = line.hear()
            assert said["success"], said
            return said["result"]
        finally:
            line.close()

    # ---- what it thinks of us --------------------------------------------------------------------------------------
    def log(self) -> str:
        path = self.folder / "home-assistant.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def console(self) -> str:
        return (self.folder / "console.out").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Warnings and errors in its log that concern MQTT or our entities."""
        lines = [line for line in self.log().splitlines() if " WARNING " in line or " ERROR " in line]
        return [line for line in lines if any(word in line.lower() for word in ("mqtt", "powerwarden", "template"))]
