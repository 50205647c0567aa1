"""The orchestrators of a scenario, and the bench's own curiosity: what is said to the product over HTTP.

Rules
* Nobody waits here: each orchestrator has a thread of its own, which says its wishes in order, so that a gateway that
  does not answer delays neither the looks nor anybody else. An answer becomes a `Decision`, and so does its absence,
  also of a wish that the end of the run came before. A wish that somebody may have heard is not said again.
* A flood has a bounded rate and a bounded length; what came of it is one decision with counts.
* What the product says of itself is asked for twice a second at most, kept while it is fresh, and never judged.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from hil.scenario.model import Decision, Flood, Wish
from hil.sim.device import Json
from hil.unix_socket import RigError

ANSWER_S = 5.0
SAID_EVERY_S, SAID_FRESH_S = 0.5, 2.0
PER_S_MAX = 1000.0
FLOOD_S_MAX = 600.0
LEAVE_S = 1.0

Clock = Callable[[], int]
Answer = tuple[int, Json]


class Connection:
    """One kept connection to the gateway, for one thread."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=ANSWER_S)
        self._token = token

    def ask(self, method: str, path: str, body: Json | None = None) -> Answer:
        """Status and body; OSError or HTTPException when there is no answer. A kept connection may have been closed
        in the meantime: that is tried once more on a new one. Whoever only says nothing may still have heard it."""
        kept = self._http.sock is not None
        try:
            return self._once(method, path, body)
        except (ConnectionError, http.client.HTTPException):
            self._http.close()
            if not kept:
                raise
        except OSError:
            self._http.close()
            raise
        return self._once(method, path, body)

    def _once(self, method: str, path: str, body: Json | None) -> Answer:
        head = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._http.request(method, path, None if body is None else json.dumps(body).encode(), head)
        reply = self._http.getresponse()
        data = reply.read()
        found: Json = {}
        with contextlib.suppress(ValueError):
            found = json.loads(data)
        return reply.status, found if isinstance(found, dict) else {}

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def request_of(wish: Wish) -> tuple[str, str, Json | None]:
    """A wish as the product's HTTP interface takes it (docs/gateway.md); RigError for a verb that it does not have."""
    target = f"/v1/targets/{quote(wish.target)}"
    times: Json = {} if wish.for_s is None else {"duration_s": plain(wish.for_s)}
    match wish.verb:
        case "set" if wish.value is not None:
            kind: Json = {"kind": wish.kind} if wish.kind else {}
            return "PUT", f"{target}/setpoint", {"value": plain(wish.value), "unit": wish.unit, **kind, **times}
        case "renew":
            return "POST", f"{target}/renew", times
        case "release":
            return "POST", f"{target}/release", None
        case "stop":
            return "POST", f"{target}/stop" if wish.target else "/v1/stop", None
        case "heartbeat":
            return "POST", "/v1/heartbeat", {}
    raise RigError(f"{wish.who} cannot {wish.verb!r}: set (with a value), renew, release, stop or heartbeat")


def plain(value: float) -> int | float:
    """10.0 is written 10."""
    return int(value) if value == int(value) else value


def told(answer: Answer) -> tuple[str, str]:
    """Verdict and text of an answer."""
    status, body = answer
    if isinstance(error := body.get("error"), dict):
        return str(error.get("code", status)), f"{error.get('message', '')}: {error.get('remedy', '')}"
    clauses = body.get("clauses")
    texts = [f"{each.get('rule')}: {each.get('text')}" for each in clauses] if isinstance(clauses, list) else []
    return str(body.get("verdict", "done" if status == 200 else status)), "; ".join(texts)


class Asker:
    """One orchestrator."""

    def __init__(self, url: str, who: str, token: str, now_ms: Clock, decided: Callable[[Decision], None]) -> None:
        self._connection, self._who, self._now_ms, self._decided = Connection(url, token), who, now_ms, decided
        self._wishes: queue.Queue[Wish | Flood | None] = queue.Queue()
        self._leaving = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._serve, name=f"asks as {who}", daemon=True)
        self._thread.start()

    def say(self, wish: Wish | Flood) -> None:
        """Say it as soon as what was said before has been answered."""
        self._wishes.put(wish)

    def leave(self) -> None:
        """Say nothing more."""
        self._leaving.set()
        self._wishes.put(None)

    def join(self) -> None:
        """Wait until it has left; a wish under way gets LEAVE_S."""
        self._thread.join(LEAVE_S)

    def check(self) -> None:
        """RigError when it cannot speak any more: its wishes would be missing, and nobody would know."""
        if self._trouble:
            raise RigError(f"{self._who} cannot ask any more: {self._trouble}")

    def _serve(self) -> None:
        try:
            while (wish := self._wishes.get()) is not None:
                if self._leaving.is_set():
                    self._tell(wish, "unanswered", "never said: the run ended first")
                elif isinstance(wish, Flood):
                    self._flood(wish)
                else:
                    self._tell(wish, *self._answer(wish))
        except Exception as error:  # noqa: BLE001 - a thread's exception would be heard by nobody
            self._trouble = f"{type(error).__name__}: {error}"
        finally:
            self._connection.close()

    def _tell(self, wish: Wish | Flood, verdict: str, text: str) -> None:
        self._decided(Decision(self._now_ms(), self._who, wish.target, verdict, text))

    def _answer(self, wish: Wish) -> tuple[str, str]:
        try:
            return told(self._connection.ask(*request_of(wish)))
        except (OSError, http.client.HTTPException) as error:
            return "unanswered", str(error) or type(error).__name__

    def _flood(self, flood: Flood) -> None:
        """One wish after the other at the given rate; a gateway that is slower than that is asked less often."""
        rate, length_s = min(flood.per_s, PER_S_MAX), min(flood.for_s, FLOOD_S_MAX)
        began, count, verdicts = time.monotonic(), round(rate * length_s), Counter[str]()
        for number in range(count):
            if self._leaving.wait(max(0.0, began + number / rate - time.monotonic())):
                break
            if time.monotonic() >= began + length_s:
                break
            value = flood.values[number % len(flood.values)]
            verdicts[self._answer(Wish(flood.who, "set", flood.target, value, flood.unit, "live"))[0]] += 1
        text = ", ".join(f"{many} {verdict}" for verdict, many in sorted(verdicts.items()))
        self._tell(flood, "flood", f"{sum(verdicts.values())} of {count} wishes said: {text}")


class Listener:
    """Asks the product now and then what it believes, on a thread of its own."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = Connection(url, token)
        self._newest: tuple[float, Mapping[str, object]] = (0.0, {})
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="listens", daemon=True)
        self._thread.start()

    def said(self) -> Mapping[str, object]:
        """Mode, machines and outputs as last told; nothing when that is old."""
        at_s, said = self._newest
        return said if time.monotonic() - at_s < SAID_FRESH_S else {}

    def forget(self) -> None:
        """What was told is about a product that is dead now."""
        self._newest = (0.0, {})

    def leave(self) -> None:
        """Listen no more."""
        self._leaving.set()

    def join(self) -> None:
        """Wait until it has left."""
        self._thread.join(LEAVE_S)

    def _serve(self) -> None:
        while not self._leaving.wait(SAID_EVERY_S):
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, state = self._connection.ask("GET", "/v1/state")
                if status == 200 and (said := said_of(state)):
                    self._newest = (time.monotonic(), said)
        self._connection.close()


def said_of(state: Json) -> dict[str, object]:
    """The part of GET /v1/state that a report shows; nothing while the gateway knows nothing."""
    house, machines, targets = state.get("house"), state.get("machines"), state.get("targets")
    if not isinstance(house, dict) or not isinstance(machines, list) or not isinstance(targets, dict) or not machines:
        return {}
    return {
        "mode": house.get("mode"),
        **{str(machine["id"]): machine.get("state") for machine in machines},
        **{str(name): target.get("output") for name, target in targets.items()},
    }
