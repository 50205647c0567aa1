"""A whole scene for a test: the example house, a broker with the access list that we print, and a real Node-RED."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mosquitto_process import Mosquitto  # tests/mqtt, and tests/e2e: conftest.py and nodered_latency.py say where
from nodered_rig import NodeRed
from running_house import EXAMPLE, ROOT, RunningHouse

FLOWS = ROOT / "deploy" / "nodered" / "flows.json"
TOKEN = "of-nodered"
LOGINS = {"powerwarden": "of-the-box", "nodered": "of-node-red", "watcher": "of-the-test"}
GATEWAY = "\ngateway:\n  mqtt:\n    host: 127.0.0.1\n    port: {port}\n"


def shape(site: Path, port: int) -> None:
    """Add to a copy of the example what docs/nodered.md tells people to add."""
    document = site / "site.yaml"
    token = hashlib.sha256(TOKEN.encode()).hexdigest()
    ours = f"  nodered: {{role: orchestrator, priority: 20, mqtt: nodered, token_sha256: {token}}}\n"
    text = document.read_text().replace("expected: true", "expected: false")
    document.write_text(text + ours + GATEWAY.format(port=port))
    rules = site / "20-house.yaml"
    rules.write_text(rules.read_text().replace("[optimiser, phone]", "[optimiser, phone, nodered]"))


def access_list(folder: Path, port: int) -> str:
    """What ``powerwarden acl`` prints for such a site, and a login for the test, which only listens."""
    site = folder / "site"
    shutil.copytree(EXAMPLE, site)
    shape(site, port)
    command = [sys.executable, "-m", "supervisor.cli", "acl", str(site)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return f"{said}\n# the test\nuser watcher\ntopic read #\n"


class HouseWithNodeRed(RunningHouse):
    """The example house, whose gateway speaks with the broker at ``broker_port``."""

    def __init__(self, broker_port: int) -> None:
        self.broker_port = broker_port
        super().__init__()

    def _site(self, example: Path, edits: Any) -> Path:
        site = super()._site(example, edits)
        shape(site, self.broker_port)
        self.login = self.dir / "login"
        self.login.write_text(f"powerwarden:{LOGINS['powerwarden']}\n")
        self.login.chmod(0o600)
        return site

    def start_product(self) -> None:
        listen = ["--listen", f"127.0.0.1:{self.listen}", "--mqtt-login", str(self.login)]
        command = ["-m", "supervisor.cli", "run", str(self.site), "--run-dir", str(self.dir), *listen]
        self.product = self._spawn("product", command)

    def target(self, name: str) -> dict[str, Any]:
        """A target as /v1/state shows it."""
        code, said = self.http("GET", "/v1/state", token="demo-phone")
        assert code == 200, said
        found = said["targets"][name]
        assert isinstance(found, dict)
        return found

    def holder(self, name: str) -> str:
        """Who holds a target, "" for nobody."""
        lease = self.target(name)["lease"]
        return "" if lease is None else str(lease["holder"])


class Scene:
    """``house``, ``broker`` and ``nodered``, running and connected; Node-RED has no flows yet."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder / "broker", access_list(folder, 1_883), LOGINS)
        try:
            self.house = HouseWithNodeRed(self.broker.port)
            self.house.until(self.house.healthy, "the gateway answers")
            self.house.until_mode("normal")
            self.nodered = NodeRed({"POWERWARDEN_TOKEN": TOKEN, "POWERWARDEN_URL": self.house.url})
        except BaseException:  # whatever it was, no process is left behind
            self.close()
            raise

    def close(self) -> None:
        for part in ("nodered", "house"):
            if hasattr(self, part):
                getattr(self, part).close()
        self.broker.kill()

    def flows(self) -> list[dict[str, Any]]:
        """The file as a user has it after he has opened the broker's node once: with its address and his login."""
        flows: list[dict[str, Any]] = copy.deepcopy(json.loads(FLOWS.read_text()))
        for node in flows:
            if node["type"] == "mqtt-broker":
                node["broker"], node["port"] = "127.0.0.1", str(self.broker.port)
                node["credentials"] = {"user": "nodered", "password": LOGINS["nodered"]}
        return flows
