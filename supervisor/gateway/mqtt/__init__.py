"""The gateway's side of MQTT: one connection, and the guests that use it.

    client.py     the connection to the broker            topics.py    the contract's topics
    judge.py      a message -> a question or a refusal    asks.py      ask, answer, publish
    request.py    the users' request/response scheme      publish.py   the retained pictures of the house
    homeassistant*.py   Home Assistant's announcements    heard.py     what a guest is

Rules
* Which broker, and who may ask there, comes from the guardian. What was described last counts while it is away: a
  status "offline" is said, and every question is answered with an error.
* A guest's mistake costs its message and is logged; nobody else notices. If the task itself ever ends, so does the
  process (main.py).

This file must never hold an opinion about a message.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from supervisor.gateway.denials import Denials, to_stderr
from supervisor.gateway.door import Door
from supervisor.gateway.history import History
from supervisor.gateway.link import Change, Link
from supervisor.gateway.mqtt.asks import Asks
from supervisor.gateway.mqtt.client import Broker, Events, Settings, is_loopback
from supervisor.gateway.mqtt.heard import Guest, Heard
from supervisor.gateway.mqtt.homeassistant_guest import HomeAssistant
from supervisor.gateway.mqtt.publish import Pictures
from supervisor.gateway.mqtt.topics import Topics
from supervisor.wire import MqttInfo

TICK_S = 0.5
LOGIN_MAX = 1_024  # bytes
MISTAKES_SAID = 20  # traces in the log; beyond them only the count grows

__all__ = ["LoginError", "Mqtt", "Options", "options", "start"]


@dataclass(frozen=True)
class Options:
    """``user`` and ``password`` at the broker, "" for none. ``ca``: a file with the certificates to trust."""

    user: str = ""
    password: str = ""
    ca: str = ""


class LoginError(ValueError):
    """A file with a login that cannot be used. The text is for the person who wrote it."""


def options(login: Path | None, ca: Path | None) -> Options:
    """From the command line's files. Raises LoginError."""
    if ca is not None and not os.access(ca, os.R_OK):
        raise LoginError(f"{ca} cannot be read: name the file with the broker's authority (PEM)")
    user, password = read_login(login) if login is not None else ("", "")
    return Options(user, password, str(ca) if ca is not None else "")


def read_login(path: Path) -> tuple[str, str]:
    """User and password from a file with one line ``user:password``. Raises LoginError."""
    try:
        with path.open("rb") as file:
            text = file.read(LOGIN_MAX + 1).decode()
        readable = os.stat(path).st_mode & 0o077
    except OSError as error:
        raise LoginError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LoginError(f"{path} is not text") from None
    user, colon, password = text.strip("\r\n").partition(":")
    if not colon or not user or "\n" in password or len(text) > LOGIN_MAX:
        raise LoginError(f"{path} holds no login: write one line, user:password")
    if readable:
        to_stderr(f"others may read the broker's password: chmod 600 {path}")
    return user, password


class Mqtt:
    """``broker``: the connection, None while none is known. ``mistakes``: of ours, each with a trace in the log."""

    def __init__(self, link: Link, door: Door, history: History, options: Options, denials: Denials) -> None:
        self._link, self._door, self._history, self._options, self._denials = link, door, history, options, denials
        self.broker: Broker | None = None
        self.mistakes = 0
        self._info: MqttInfo | None = None
        self._guests: list[Guest] = []
        self._pictures: Pictures | None = None
        self._announced: HomeAssistant | None = None
        self._line: asyncio.Task[NoReturn] | None = None
        self._wake = asyncio.Event()
        link.listen(self._changed)

    async def run(self) -> NoReturn:
        """Follow the guardian's word about the broker, and tell the guests that time passes, until cancelled."""
        try:
            while True:
                await self._follow()
                if self._line is not None and self._line.done():
                    self._line.result()  # raises: that task has no end of its own
                self._tick()
                self._wake.clear()
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            if self._line is not None:
                self._line.cancel()

    def reached(self) -> bool | None:
        """Does the broker answer? None where the site has none."""
        return None if self.broker is None else self.broker.up

    async def stop(self, task: asyncio.Task[NoReturn]) -> None:
        """End in order: the status says "offline" before the connection ends."""
        if self.broker is not None and self.broker.up:
            leaving, self._guests = self._guests, []  # nobody has another word after the last one
            for guest in leaving:
                self._safely(guest.leave)
            await self.broker.close()
        task.cancel()
        await asyncio.wait([task])

    def _changed(self, _change: Change) -> None:
        self._wake.set()

    # ---- the broker ----------------------------------------------------------------------------------------------
    async def _follow(self) -> None:
        """Another broker, or other topics, than until now?"""
        told = self._link.describe
        info = self._info if told is None else told.gateway.mqtt
        if info == self._info:
            return
        if self._announced is not None and (info is None or _place(info) != _place(self._info)):
            self._safely(self._announced.clear)
        await self._leave()
        self._info = info
        if info is None:
            return
        if not is_loopback(info.host) and not info.tls and self._options.password:
            to_stderr(f"the broker's password travels to {info.host} in clear text: declare tls in the site document")
        client = f"powerwarden-{info.base.replace('/', '-')}"
        topics, who = Topics(info.base), self._options
        settings = Settings(info.host, info.port, info.tls, client, topics.status, who.user, who.password, who.ca)
        self.broker = Broker(settings, Events(self._filters, self._connected, self._heard, to_stderr))
        self._pictures = Pictures(self._link, topics, self.broker)
        asks = Asks(self._link, self._door, self._denials, topics, self.broker, self._history, self._pictures.refused)
        self._announced = HomeAssistant(self._link, self.broker, info, self._pictures.connected)
        self._guests = [asks, self._pictures, self._announced]
        self._line = asyncio.create_task(self.broker.run())

    async def _leave(self) -> None:
        """The site has another broker or base now: nothing is left behind at the old one."""
        if self._line is None or self.broker is None:
            return
        if self._pictures is not None:
            self._safely(self._pictures.clear)
        await self.broker.close()
        self._line.cancel()
        await asyncio.wait([self._line])
        self.broker, self._line, self._guests = None, None, []

    # ---- the guests ----------------------------------------------------------------------------------------------
    def _filters(self) -> list[str]:
        return [wanted for guest in self._guests for wanted in guest.filters()]

    def _connected(self) -> None:
        for guest in self._guests:
            self._safely(guest.connected)

    def _heard(self, heard: Heard) -> None:
        for guest in self._guests:
            if guest.wants(heard.topic):
                self._safely(lambda guest=guest: guest.hear(heard))  # type: ignore[misc]  # bound now

    def _tick(self) -> None:
        if self.broker is not None and self.broker.up:
            for guest in self._guests:
                self._safely(guest.tick)

    def _safely(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001  a mistake of ours costs one message, not the metrics and the page
            self.mistakes += 1
            if self.mistakes <= MISTAKES_SAID:
                to_stderr(f"a mistake of ours about a message:\n{traceback.format_exc()}")


def _place(info: MqttInfo | None) -> object:
    """Where our topics are. What stays there stays announced: who clears it, loses what its users have named."""
    return None if info is None else (info.host, info.port, info.base)


def start(
    link: Link, door: Door, history: History, options: Options, denials: Denials | None = None
) -> tuple[Mqtt, asyncio.Task[NoReturn]]:
    """The MQTT side as a task on this loop. ``history``: where decisions are kept, those of HTTP as well."""
    side = Mqtt(link, door, history, options, denials or Denials())
    return side, asyncio.get_running_loop().create_task(side.run())
