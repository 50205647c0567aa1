"""What is fuzzed: a whole house, a second gateway of it whose rates hold nobody up, and the guardian's own socket."""

from __future__ import annotations

import os
import select
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

sys.path[:0] = [str(Path(__file__).parents[1] / "e2e")]

from running_house import RunningHouse, free_ports  # noqa: E402  the path above comes first

from supervisor import view, wire  # noqa: E402
from supervisor.gateway.mqtt.heard import Heard  # noqa: E402
from supervisor.gateway.mqtt.judge import Now  # noqa: E402
from supervisor.gateway.mqtt.topics import Topics  # noqa: E402
from supervisor.gateway.mqtt.verdict import outcome  # noqa: E402

CORPUS = Path(__file__).parent / "corpus"
ANSWER_S = 0.2  # for an answer to what is perhaps no request
GROWTH_MAX = 60 * 2**20  # bytes, of each process
BAD_WORDS = ("Traceback", "a mistake of ours", "Unhandled", "never retrieved", "it is started again")
PARTS = ("guardian", "gateway", "can0", "lan")


class Wrong(AssertionError):
    """A finding: what was said, and what came of it."""


class FuzzedHouse(RunningHouse):
    """``seen`` counts what came of the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.until_mode("normal")
        self.front = free_ports(1)
        argv = ["-m", "supervisor.gateway.main", "--socket", str(self.dir / "guardian.sock")]
        argv += ["--listen", f"127.0.0.1:{self.front}", "--identity-rate", "100000", "--address-rate", "100000"]
        self.fuzzed = self._spawn("front", argv)
        self.until(lambda: "connected to the guardian" in self.log("front"), "the second gateway is there")
        self.describe = self._describe()
        self.before = self.figures()

    def _describe(self) -> wire.Describe:
        """As the guardian says it, with every identity at a broker as well."""
        told, _ = next(frame for frame in view.frames(str(self.dir / "guardian.sock")) if not isinstance(frame, str))
        identities = tuple(msgspec.structs.replace(known, mqtt=True) for known in told.identities)
        return msgspec.structs.replace(told, identities=identities)

    # ---- saying something -----------------------------------------------------------------------------------------
    def say_http(self, data: bytes, number: int) -> str:
        """What one connection says; its answer's status and code. Raises Wrong for an answer that nobody may get."""
        source = f"127.{20 + number // 65_025 % 200}.{number // 255 % 255}.{1 + number % 254}"
        heard = b""
        try:
            with socket.create_connection(("127.0.0.1", self.front), 10, (source, 0)) as sock:
                sock.sendall(data)
                while b"\r\n\r\n" not in heard and select.select([sock], [], [], ANSWER_S)[0]:
                    got = sock.recv(65_536)
                    heard += got
                    if not got:
                        break
        except ConnectionError:
            pass
        status = heard[9:12].decode("ascii", "replace") if heard.startswith(b"HTTP/1.1 ") else "nothing"
        if status.startswith("5") and status != "503":
            raise Wrong(f"{status} after {data[:2_000]!r}")
        return f"http {status}"

    def say_packet(self, role: str, packet: bytes) -> str:
        """One packet to the guardian, after a right Hello unless it is a stranger's."""
        sock = wire.connect(str(self.dir / "guardian.sock"))
        try:
            sock.settimeout(5)
            if role != "stranger":
                hello = wire.Hello(wire.Role(role), "fuzz", os.getpid(), wire.PROTOCOL, self.describe.digest)
                sock.send(wire.encode(hello))
            sock.send(packet)
            if select.select([sock], [], [], 0.002)[0]:  # it may describe itself, answer, or hang up
                sock.recv(wire.MESSAGE_MAX)
        except OSError as error:
            return f"socket {type(error).__name__}"
        finally:
            sock.close()
        return f"socket {role}"

    def say_message(self, topic: str, payload: bytes, number: int) -> str:
        """An MQTT message to the part of the gateway that judges them. It never raises, whatever comes."""
        heard = Heard(topic, payload, retain=number % 7 == 0, duplicate=number % 5 == 0, response_topic=topic[:50])
        try:
            came = outcome(heard, Topics("powerwarden"), self.describe, Now(number, 1.8e9))
        except Exception as error:  # whatever it is, it is the finding
            raise Wrong(f"{error!r} after {heard!r}") from error
        return f"mqtt {type(came).__name__}"

    def replay(self, path: Path, number: int) -> str:
        """An input of the corpus."""
        data = path.read_bytes()
        if path.parent.name == "http":
            return self.say_http(data, number)
        first, _, rest = data.partition(b"\n")
        if path.parent.name == "socket":
            return self.say_packet(first.decode(), rest)
        return self.say_message(first.decode("utf-8", "replace"), rest, number)

    # ---- looking at it ---------------------------------------------------------------------------------------------
    def figures(self) -> dict[str, Any]:
        counters = dict(self.until_seen(lambda _describe, _snapshot: True, "a picture").counters)
        sizes = {part: self.process(part).memory_info().rss for part in PARTS}
        sizes["front"] = int(_rss(self.fuzzed.pid))
        pids = {part: self.process(part).pid for part in PARTS}
        names = ("cycles", "late_cycles", "skipped_cycles", "peers_refused", "requests_busy")
        return {"pids": pids, "rss": sizes} | {name: counters[name] for name in names}

    def check(self) -> dict[str, Any]:
        """All are alive, the same processes as before, not grown, no trace in a log, no cycle skipped, and a grant is
        still to be had. Raises Wrong. Returns the figures."""
        now = self.figures()
        problems = [f"{part} is another process" for part in PARTS if now["pids"][part] != self.before["pids"][part]]
        for part, size in now["rss"].items():
            if size - self.before["rss"][part] > GROWTH_MAX:
                problems.append(f"{part} has grown to {size >> 20} MiB from {self.before['rss'][part] >> 20} MiB")
        for log in ("product", "front"):
            problems += [
                f"{log}: {line}" for line in self.log(log).splitlines() if any(bad in line for bad in BAD_WORDS)
            ][:5]
        if self.fuzzed.poll() is not None:
            problems.append("the second gateway has ended")
        if self.real_time and now["skipped_cycles"] != self.before["skipped_cycles"]:
            problems.append(f"{now['skipped_cycles'] - self.before['skipped_cycles']} cycles were skipped")
        if problems:
            raise Wrong("; ".join(problems))
        self.until(self._granted, "a grant", 60)
        return now

    def traces(self) -> list[str]:
        """What the logs say from each bad word on."""
        logs = [self.log(name) for name in ("product", "front")]
        return [log[log.index(bad) :][:3_000] for log in logs for bad in BAD_WORDS if bad in log]

    @property
    def real_time(self) -> bool:
        return "real-time priority granted" in self.log("product")

    def _granted(self) -> bool:
        body = {"value": 10, "unit": "A", "kind": "live", "duration_s": 5}
        return self.http("PUT", "/v1/targets/wallbox.current/setpoint", body)[0] == 200

    def close(self) -> None:
        self.fuzzed.terminate()
        self.fuzzed.wait(10)
        super().close()


def _rss(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
