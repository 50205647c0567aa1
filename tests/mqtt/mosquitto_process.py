"""A real mosquitto for tests: a process, a folder and a loopback port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

MOSQUITTO = shutil.which("mosquitto") or (p if os.access(p := "/usr/sbin/mosquitto", os.X_OK) else "")
MISSING = "no mosquitto: apt-get install mosquitto mosquitto-clients, or none of the MQTT side is tested"
START_S = 10.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


class Mosquitto:
    """``acl`` and ``logins`` make it ask for passwords; without them everybody may do everything. What it keeps it
    keeps in a file, so that a restart forgets nothing."""

    def __init__(self, folder: Path, acl: str = "", logins: dict[str, str] | None = None, tls: str = "") -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", "set_tcp_nodelay true", "user root"]
        lines += [f"log_dest file {folder}/log", "log_type all", "persistence true", f"persistence_location {folder}/"]
        lines += ["autosave_interval 1", "autosave_on_changes true", tls]
        if logins is not None:
            (folder / "acl").write_text(acl)
            (folder / "passwords").touch(mode=0o600)
            for user, password in logins.items():
                command = ["mosquitto_passwd", "-b", str(folder / "passwords"), user, password]
                subprocess.run(command, check=True, capture_output=True)
            lines += ["allow_anonymous false", f"password_file {folder}/passwords", f"acl_file {folder}/acl"]
        else:
            lines += ["allow_anonymous true"]
        (folder / "conf").write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.folder / "conf")], stderr=subprocess.PIPE)
        end, pause = time.monotonic() + START_S, threading.Event()
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                pause.wait(0.01)
            if self.process.poll() is not None:
                break
        said = self.process.stderr.read().decode() if self.process.stderr and self.process.poll() is not None else ""
        raise AssertionError(f"mosquitto does not start: {said}\n{self.log()}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(10)
            if self.process.stderr:
                self.process.stderr.close()
            self.process = None

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def logged(self) -> int:
        """The length of the log, in bytes."""
        path = self.folder / "log"
        return path.stat().st_size if path.exists() else 0

    def was_told(self, topic: str, after: int) -> bool:
        """Has anybody published under ``topic`` since the log was ``after`` bytes long? A listener cannot tell: what
        was said before it came back reaches it as kept, like what is old."""
        with (self.folder / "log").open("rb") as file:
            file.seek(after)
            return any(b"Received PUBLISH from " in line and f"'{topic}'".encode() in line for line in file)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace")[-4_000:] if path.exists() else ""

    def __enter__(self) -> Mosquitto:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
