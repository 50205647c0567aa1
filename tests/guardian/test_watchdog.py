"""The watchdog is fed only after a complete and timely cycle with every worker fresh."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from supervisor.guardian.watchdog import WORKER_MAX_NS, Watchdog


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The other end of NOTIFY_SOCKET."""
    path = tmp_path / "notify"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    sock.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    return sock


def test_a_timely_cycle_feeds_and_says_so_to_systemd(systemd: socket.socket) -> None:
    watchdog = Watchdog({"journal": time.monotonic_ns})
    watchdog.ready()
    watchdog.cycle(timely=True)
    assert (systemd.recv(100), systemd.recv(100)) == (b"READY=1", b"WATCHDOG=1")


def test_a_late_cycle_does_not_feed(systemd: socket.socket) -> None:
    watchdog = Watchdog({"journal": time.monotonic_ns})
    watchdog.cycle(timely=False)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)
    assert (watchdog.fed, watchdog.withheld) == (0, 1)


def test_a_hung_worker_withholds_the_feed(systemd: socket.socket) -> None:
    hung_ns = time.monotonic_ns() - WORKER_MAX_NS - 1
    watchdog = Watchdog({"journal": lambda: hung_ns})
    watchdog.cycle(timely=True)
    assert watchdog.hung(time.monotonic_ns()) == ["journal"]
    assert (watchdog.fed, watchdog.withheld) == (0, 1)


def test_without_systemd_feeding_is_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    watchdog = Watchdog({})
    watchdog.cycle(timely=True)
    assert watchdog.fed == 1
