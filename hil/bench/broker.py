"""A mosquitto of the bench's own, for sites that speak MQTT: in the run directory, on loopback, without passwords.

It must never reach for a broker that somebody else runs: the copied site is turned to this one. A machine without
mosquitto cannot run such a site.
"""

from __future__ import annotations

import os
import shutil
import socket
import time

from hil.bench.copies import mapping
from hil.bench.processes import Processes
from hil.bench.yaml_text import Document
from hil.unix_socket import RigError

MOSQUITTO = shutil.which("mosquitto") or (path if os.access(path := "/usr/sbin/mosquitto", os.X_OK) else "")
PLACE = ("gateway", "mqtt")
START_S = 5.0
NAME = "mosquitto"


def speaks_mqtt(site: Document) -> bool:
    """Does this site have a broker?"""
    return bool(mapping(site.value, *PLACE))


def turned(site: Document, port: int) -> Document:
    """The site with our broker instead of its own."""
    for key, value in (("host", "127.0.0.1"), ("port", str(port)), ("tls", "false")):
        site = site.put((*PLACE, key), value)
    return site


class LocalBroker:
    """One mosquitto among a bench's processes."""

    def __init__(self, processes: Processes, port: int) -> None:
        self._processes, self._port, self._up = processes, port, False
        self._settings = processes.run_dir / "mosquitto.conf"
        # "user root" keeps a broker that root starts from becoming somebody who may not enter our folder.
        lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true", "user root"]
        self._settings.write_text("\n".join(lines) + "\n", "utf-8")

    def start(self) -> None:
        """Start it, and wait until it listens; RigError with its last words when it does not."""
        if not MOSQUITTO:
            raise RigError("there is no mosquitto on this machine; apt-get install mosquitto")
        if self._up:
            return
        self._processes.start(NAME, [MOSQUITTO, "-c", str(self._settings)])
        self._up = True
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s and not self._processes.ended(NAME):
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise RigError(f"mosquitto does not listen; its last words:\n{self._processes.last_words(NAME)}")

    def check(self) -> None:
        """RigError when it has ended although nobody told it to."""
        if self._up and (how := self._processes.ended(NAME)):
            raise RigError(f"mosquitto {how}; its last words:\n{self._processes.last_words(NAME)}")

    def stop(self) -> None:
        """The broker goes, at once and without a word to its clients."""
        if self._up:
            self._up = False
            self._processes.kill_family(NAME)
            self._processes.end(NAME)
