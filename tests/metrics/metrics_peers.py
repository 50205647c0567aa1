"""Real peers for these tests, on loopback, with their data in a folder of the test: Prometheus 2.42, InfluxDB 1.6."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running_house import free_ports

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
READY_S = 20.0
CONFIG = """\
global: {{scrape_interval: 500ms, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: powerwarden
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
INFLUX = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
"""


def needed(program: str, install: str) -> str:
    """Where a program is. Without it the test is skipped, and says what to install."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"NOT TESTED: {program} is not installed; {install}")
    return path


def until(condition: Callable[[], Any], what: str, timeout_s: float = READY_S) -> Any:
    """Ask again until ``condition`` holds; its value is returned."""
    pause, end = threading.Event(), time.monotonic() + timeout_s
    while time.monotonic() < end:
        if value := condition():
            return value
        pause.wait(0.05)
    raise AssertionError(f"never within {timeout_s} s: {what}")


class Peer:
    """A program that serves HTTP on loopback while the test needs it."""

    ready = "/"

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=log.parent)

    def get(self, path: str, **query: str) -> Any:
        question = f"?{urllib.parse.urlencode(query)}" if query else ""
        with urllib.request.urlopen(self.url + path + question, timeout=10) as reply:
            body = reply.read()
        return json.loads(body) if body.startswith((b"{", b"[")) else body.decode()

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()[-2000:]
        try:
            self.get(self.ready)
        except OSError:
            return False
        return True

    def __enter__(self) -> Any:
        until(self._is_ready, f"{self._process.args} is ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Prometheus(Peer):
    """Reads a gateway twice a second and has the alert rules of deploy/."""

    ready = "/-/ready"

    def __init__(self, scraped: int, folder: Path) -> None:
        port = free_ports(1)
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(rules=DEPLOY / "alerts.yml", port=scraped))
        listen = f"--web.listen-address=127.0.0.1:{port}"
        where = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", listen]
        super().__init__(["prometheus", *where], port, folder / "prometheus.log")

    def __enter__(self) -> Prometheus:
        super().__enter__()
        until(lambda: self.ask("count_over_time(powerwarden_cycles_total[1m]) >= 2"), "Prometheus has read twice")
        return self

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query; an error of it fails the test."""
        return self._answer(self.get, "/api/v1/query", query=expression)

    def range(self, expression: str) -> list[dict[str, Any]]:
        """The same over the last minute, as a dashboard asks."""
        now = time.time()
        window = {"start": f"{now - 60:.3f}", "end": f"{now:.3f}", "step": "1"}
        return self._answer(self.get, "/api/v1/query_range", query=expression, **window)

    def _answer(self, get: Callable[..., Any], path: str, **query: str) -> list[dict[str, Any]]:
        try:
            told = get(path, **query)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query['query']}\n{error.read().decode()}") from None
        assert not told.get("warnings"), told
        result: list[dict[str, Any]] = told["data"]["result"]
        return result


class InfluxDb(Peer):
    """InfluxDB 1.x with one database, ``house``."""

    ready = "/ping"

    def __init__(self, folder: Path) -> None:
        port = free_ports(2)
        config = folder / "influxdb.conf"
        config.write_text(INFLUX.format(folder=folder, port=port, rpc=port + 1))
        super().__init__(["influxd", "-config", str(config)], port, folder / "influxdb.log")

    def __enter__(self) -> InfluxDb:
        super().__enter__()
        self._post("/query?q=CREATE+DATABASE+house", b"")
        return self

    def write(self, lines: str) -> None:
        """Line protocol, as ``curl --data-binary`` sends it. What the database refuses fails the test."""
        self._post("/write?db=house&precision=ns", lines.encode())

    def ask(self, question: str) -> list[dict[str, Any]]:
        """The rows of one query, each by column; times in nanoseconds."""
        told = self.get("/query", db="house", epoch="ns", q=question)
        series = told["results"][0].get("series", [])
        rows = [(one, row) for one in series for row in one["values"]]
        return [dict(zip(one["columns"], row, strict=True)) | one.get("tags", {}) for one, row in rows]

    def _post(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(self.url + path, data=body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10):
                pass
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None
