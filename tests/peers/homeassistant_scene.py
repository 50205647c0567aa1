"""A whole scene for a test: the example house with its product, a broker and a real Home Assistant, on loopback."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from homeassistant_install import Release
from homeassistant_rig import HomeAssistantRig
from mosquitto_process import Mosquitto
from running_house import ROOT, RunningHouse  # tests/e2e, as mosquitto_process is in tests/mqtt

from supervisor import view, wire

LOGINS = {"powerwarden": "of-the-box", "homeassistant": "of-home-assistant"}
CALM = "autosave_on_changes false\nautosave_interval 1800"  # written to disk at each change, it acknowledges late
SPARE = "  spare:\n    driver: sdm630_modbus\n    bus: lan\n    options: {{host: 127.0.0.1, port: {port}, unit: 1}}\n"
GATEWAY = """
gateway:
  mqtt:
    host: 127.0.0.1
    port: {port}
    homeassistant: {{identity: homeassistant, format: {format}}}
"""


class HouseAtABroker(RunningHouse):
    """The example house, whose gateway speaks with ``broker``; Home Assistant may do there what a phone may."""

    def __init__(self, broker: Mosquitto, shape: str) -> None:
        self.broker, self.shape, self.has_spare = broker, shape, True
        super().__init__(edits={"expected: true": "expected: false"})

    def _site(self, example: Path, edits: Any) -> Path:
        site = super()._site(example, edits)
        home = "  homeassistant: {role: orchestrator, priority: 20, mqtt: homeassistant}\n"
        text = (site / "site.yaml").read_text() + home
        text = text.replace("\ncircuits:", SPARE.format(port=self.port) + "\ncircuits:", 1)
        (site / "site.yaml").write_text(text + GATEWAY.format(port=self.broker.port, format=self.shape))
        rules = site / "20-house.yaml"
        rules.write_text(rules.read_text().replace("[optimiser, phone]", "[optimiser, phone, homeassistant]"))
        self.login = self.dir / "login"
        self.login.write_text(f"powerwarden:{LOGINS['powerwarden']}\n")
        self.login.chmod(0o600)
        return site

    def start_product(self) -> None:
        listen = ["--listen", f"127.0.0.1:{self.listen}", "--mqtt-login", str(self.login)]
        command = ["-m", "supervisor.cli", "run", str(self.site), "--run-dir", str(self.dir), *listen]
        self.product = self._spawn("product", command)

    def stop_product(self) -> None:
        assert self.product is not None
        self.product.terminate()
        self.product.wait(15)

    def edit(self, old: str, new: str) -> None:
        """Change the site document; it counts from the next start of the product."""
        path = self.site / "site.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def seen(self) -> tuple[wire.Describe, wire.Snapshot]:
        """What exists, and the newest picture."""
        for frame in view.frames(str(self.dir / "guardian.sock")):
            if not isinstance(frame, str):
                return frame
        raise AssertionError("no picture")

    def target(self, name: str) -> wire.TargetState:
        told, now = self.seen()
        return now.targets[[info.id for info in told.targets].index(name)]


class Scene:
    """``house``, ``home`` (Home Assistant) and ``broker``, running and connected."""

    def __init__(self, release: Release, folder: Path, more_rights: str = "") -> None:
        self.release = release
        self.broker = Mosquitto(folder, logins=LOGINS, tls=CALM)
        self.house = HouseAtABroker(self.broker, release.format)
        self.home = HomeAssistantRig(release)
        try:
            (folder / "acl").write_text(self._acl() + more_rights)
            self.broker.signal(signal.SIGHUP)
            self.home.set_up(self.broker.port, "homeassistant", LOGINS["homeassistant"])
            self.house.until(self.house.healthy, "the gateway answers")
            self.until_state("sensor.powerwarden_mode", "normal", 60.0)
        except (AssertionError, OSError, subprocess.SubprocessError):
            self.close()
            raise

    def close(self) -> None:
        self.home.close()
        self.house.close()
        self.broker.kill()

    def _acl(self) -> str:
        """The access list that the product writes for this site."""
        command = [sys.executable, "-m", "supervisor.cli", "acl", str(self.house.site)]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    def until_state(self, entity: str, wanted: str, timeout_s: float = 10.0) -> None:
        """Wait until Home Assistant shows ``wanted``."""
        what = f"{entity} is {wanted}"
        try:
            self.home.until(lambda: self.home.state(entity) == wanted, what, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{what}, but it is {self.home.state(entity)}\n{error}") from None

    def registered(self) -> dict[str, dict[str, Any]]:
        """Home Assistant's own list of our entities, by entity id."""
        rows = self.home.ask("config/entity_registry/list")
        return {row["entity_id"]: row for row in rows if row["platform"] == "mqtt"}
