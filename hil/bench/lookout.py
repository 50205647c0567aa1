"""Looks at all devices and the plant of a running house, ten times a second, over connections that stay open.

Theory of operation: one look is one question to each control socket, sent to all before the first answer is read, so
that it takes as long as the slowest device. How many writes reached a device is counted in its trace, from where the
last look stopped: the device itself would have to send all of them again each time.
Rules: a device that hangs up or does not answer within ANSWER_S is gone, and that is an error here (`Gone`).
It must never ask the product, and never change anything by looking.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from hil.bench.facts import facts_of
from hil.scenario.model import Fact
from hil.sim.device import Json
from hil.unix_socket import RigError

ANSWER_S = 2.0
_STATE = b'{"get": "state"}\n'


class Gone(RigError):
    """A device of the house is not there any more."""

    def __init__(self, device: str, why: str) -> None:
        super().__init__(f"{device} {why}")
        self.device = device


class Lookout:
    """The control sockets of one house."""

    def __init__(self, run_dir: Path, devices: Iterable[str]) -> None:
        """``devices``: names in the order of their facts; the plant comes after them."""
        self.at_ms = 0  # when the last of the answers was true
        self._lines = {name: _Line(run_dir, name) for name in (*devices, "plant")}
        self._writes = {name: _Writes(run_dir, name) for name in self._lines if name != "plant"}

    def facts(self) -> dict[str, Fact]:
        """One look, which was true at `at_ms` of the monotonic clock; Gone when somebody does not answer."""
        for line in self._lines.values():
            line.send(_STATE)
        facts: dict[str, Fact] = {}
        for name, line in self._lines.items():
            reply = line.reply()
            state, self.at_ms = reply.get("state"), max(self.at_ms, int(str(reply.get("t", 0))))
            facts.update(facts_of(name, state if isinstance(state, dict) else {}))
            if name in self._writes:
                facts[f"{name}.writes"] = float(self._writes[name].count())
        return facts

    def ask(self, device: str, request: Mapping[str, object]) -> Json:
        """One request to one device; RigError for a device that the house does not have, and for an answer "no"."""
        if device not in self._lines:
            raise RigError(f"the house has no device {device!r}; it has {', '.join(self._lines)}")
        line = self._lines[device]
        line.send(json.dumps(request).encode() + b"\n")
        reply = line.reply()
        if not reply.get("ok"):
            raise RigError(str(reply.get("error")))
        return reply

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()
        for writes in self._writes.values():
            writes.close()


class _Line:
    """One control socket, connected when it is first needed."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self._name = name
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(ANSWER_S)
        self._rest = b""
        try:
            self._sock.connect(os.fspath(run_dir / f"{name}.ctl"))
        except OSError as error:
            self.close()
            raise Gone(name, f"cannot be asked ({error})") from None

    def send(self, line: bytes) -> None:
        try:
            self._sock.sendall(line)
        except OSError:
            raise Gone(self._name, "hung up") from None

    def reply(self) -> Json:
        while b"\n" not in self._rest:
            try:
                data = self._sock.recv(65_536)
            except TimeoutError:
                raise Gone(self._name, f"has not answered for {ANSWER_S:g} s") from None
            except OSError:
                data = b""
            if not data:
                raise Gone(self._name, "hung up")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        reply: Json = json.loads(line)
        return reply

    def close(self) -> None:
        self._sock.close()


class _Writes:
    """Counts the writes in one device's trace."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self._trace = (run_dir / f"{name}.trace.jsonl").open("rb")
        self._count, self._rest = 0, b""

    def count(self) -> int:
        if os.fstat(self._trace.fileno()).st_size < self._trace.tell():
            self._trace.seek(0)  # it had grown too long and has begun anew
            self._rest = b""
        *lines, self._rest = (self._rest + self._trace.read()).split(b"\n")
        self._count += sum(json.loads(line).get("what") == "write" for line in lines if b'"write"' in line)
        return self._count

    def close(self) -> None:
        self._trace.close()
