"""Starts a guardian: opens the socket, starts the journal, remembers what it must, scans until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import pwd
import signal
import sys
from dataclasses import replace
from pathlib import Path

from supervisor.guardian.journal import Journal
from supervisor.guardian.keep import Keeper
from supervisor.guardian.peers import GatewayUser, Peers
from supervisor.guardian.priority import real_time
from supervisor.guardian.scan import Guardian
from supervisor.guardian.watchdog import Watchdog
from supervisor.kernel.keep import guarded
from supervisor.loader.load import Loaded

SWITCH_S = 0.0002  # how long the loop waits at most for a thread that writes (Python's own default is 5 ms)
log = logging.getLogger("guardian")


def run(
    loaded: Loaded, socket_path: Path, journal_dir: Path, state_dir: Path, gateway: GatewayUser | None = None
) -> int:
    """Serve until told to stop. Returns 0, or 2 when the socket or the journal folder cannot be used. ``state_dir``:
    where state.json is; one that cannot be written is said and counted, and the house is supervised all the same.
    ``gateway``: its user, where it is not ours."""
    loaded = replace(loaded, plan=guarded(loaded.plan))
    peers = Peers(socket_path, loaded.site.digest, gateway)
    journal = Journal(journal_dir)
    try:
        journal.start()
        peers.open()
    except OSError as error:
        log.error("%s", error)
        return 2
    sys.setswitchinterval(SWITCH_S)
    log.info("real-time priority %s", "granted" if real_time() else "not granted; cycles may come late under load")
    keeper = Keeper(state_dir, loaded.site.name)  # after the socket: nobody else writes the same file then
    watchdog = Watchdog({"journal": lambda: journal.alive_ns, "state": lambda: keeper.alive_ns})
    guardian = Guardian(loaded, peers, journal, watchdog, keeper)
    keeper.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: guardian.stop())
    try:
        guardian.run()
    finally:
        keeper.stop()  # before the socket is free for another guardian
        peers.close()
        journal.stop()
    return 0


def gateway_user(text: str) -> GatewayUser:
    """A user by name or number. Raises ValueError with one sentence."""
    try:
        entry = pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        raise ValueError(f"there is no user '{text}' on this machine: name the one the gateway runs as") from None
    if entry.pw_uid == 0:
        raise ValueError("the gateway must not run as root: it is what the network talks to")
    return GatewayUser(entry.pw_uid, entry.pw_gid)
