"""What can be looked at: the picture, what happened, what was decided, and why.

Rules
* Nothing here asks the guardian anything: each answer is made from its newest picture and from the rings.
* Lists have their newest entry last, and a cursor to go on from.
* A place that is kept no more is said to be (``missed``), never papered over.

This file must never show a token, its hash, or the id that somebody gave his request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from supervisor.gateway import page, records, shapes, why
from supervisor.gateway.door import Door
from supervisor.gateway.history import Entry, History, Page, Ring
from supervisor.gateway.link import Link
from supervisor.gateway.metrics import CONTENT_TYPE, Metrics
from supervisor.gateway.openapi import description
from supervisor.gateway.openapi_page import document
from supervisor.gateway.problem import HEADERS, Problem, reply
from supervisor.gateway.steps import Steps, address, bad_query, query
from supervisor.gateway.stream import CONTENT_TYPE as STREAM_TYPE
from supervisor.gateway.stream import Stream, Streams

LIMIT, LIMIT_MAX = 50, 200
NAME_MAX = 80  # as wire.Name; a longer one names nothing
PLACE_MAX = 200  # characters of what a reader of the stream says about where he stands
HTML_HEADERS = HEADERS | {"content-security-policy": page.POLICY}

Item = TypeVar("Item")


class Reads:
    """The endpoints that change nothing."""

    def __init__(
        self, link: Link, door: Door, history: History, streams: Streams, metrics: Metrics, clock_ms: Callable[[], int]
    ) -> None:
        self._link = link
        self._door = door
        self._steps = Steps(link, door, clock_ms)
        self._history = history
        self._streams = streams
        self._metrics = metrics
        self._clock_ms = clock_ms

    # ---- for everybody -------------------------------------------------------------------------------------------
    async def home(self, request: Request) -> Response:
        self._steps.visit(request)
        return Response(page.HTML, headers=HTML_HEADERS, media_type="text/html")

    async def openapi(self, request: Request) -> Response:
        self._steps.visit(request)
        return Response(description(), headers=HEADERS, media_type="application/json")

    async def docs(self, request: Request) -> Response:
        self._steps.visit(request)
        html, policy = document()
        return Response(html, headers=HEADERS | {"content-security-policy": policy}, media_type="text/html")

    async def health(self, request: Request) -> Response:
        """200 only while the guardian talks to us and its newest picture is fresh."""
        self._steps.visit(request)
        self._steps.view()
        return reply({"healthy": True})

    # ---- the picture ---------------------------------------------------------------------------------------------
    async def metrics(self, request: Request) -> Response:
        self._steps.read(request, remembered=False)
        return Response(self._metrics.text(), headers=HEADERS | {"content-type": CONTENT_TYPE})

    async def state(self, request: Request) -> Response:
        """Always 200: that the guardian is not there is part of the state."""
        self._steps.read(request, remembered=False)
        return reply(shapes.state(self._link))

    async def devices(self, request: Request) -> Response:
        return reply({"devices": shapes.devices(self._steps.look(request))})

    async def device(self, request: Request) -> Response:
        devices = shapes.devices(self._steps.look(request))
        name = request.path_params["device"]
        if name not in devices:
            raise Problem(404, "unknown_device", "there is no such device", "GET /v1/devices lists them")
        return reply({"name": name} | devices[name])

    async def targets(self, request: Request) -> Response:
        return reply({"targets": shapes.targets(self._steps.look(request))})

    async def target(self, request: Request) -> Response:
        view, info = self._steps.look(request), self._steps.target(request)
        return reply({"id": info.id} | shapes.targets(view, (info.id,))[info.id])

    async def envelope(self, request: Request) -> Response:
        view, info = self._steps.look(request), self._steps.target(request)
        return reply(shapes.envelope(view, info))

    async def why(self, request: Request) -> Response:
        view, info = self._steps.look(request), self._steps.target(request)
        return reply(why.account(view, info, self._history, self._clock_ms()))

    async def me(self, request: Request) -> Response:
        """Whose token this is; also where reads are open, since there is no answer without one."""
        name = self._steps.who(request)
        query(request)
        known = self._link.describe.identities if self._link.describe is not None else ()
        info = next(info for info in known if info.name == name)
        rate = self._door.rates.identity
        return reply(shapes.identity(info, self._link.view(), (rate.per_s, rate.burst)))

    async def denials(self, request: Request) -> Response:
        """Who was turned away here. An observer has no business with addresses."""
        name = self._steps.who(request)
        query(request)
        known = self._link.describe.identities if self._link.describe is not None else ()
        if next(info.role for info in known if info.name == name) == "observer":
            raise Problem(403, "not_yours", "an observer does not see this", "ask with another identity's token")
        return reply(request.app.state.denials.shown())

    # ---- what was ------------------------------------------------------------------------------------------------
    async def events(self, request: Request) -> Response:
        asked = self._steps.read(request, "after", "limit")
        found = _page(self._history.events, asked, lambda _item: True)
        now_ms = self._clock_ms()
        return reply(_paged("events", found, lambda entry: records.event(entry, now_ms)))

    async def decisions(self, request: Request) -> Response:
        asked = self._steps.read(request, "after", "limit", "target", "identity")
        target, identity = _name(asked, "target"), _name(asked, "identity")
        found = _page(self._history.decisions, asked, lambda made: records.concerns(made, target, identity))
        now_ms, names = self._clock_ms(), records.codes(self._link.describe)
        return reply(_paged("decisions", found, lambda entry: records.decision(entry, now_ms, names)))

    async def stream(self, request: Request) -> Response | Stream:
        self._steps.read(request)
        if request.method == "HEAD":
            return Response(headers=HEADERS | {"content-type": STREAM_TYPE})
        return self._streams.open(address(request), request.headers.get("last-event-id", "")[:PLACE_MAX])


def _page(ring: Ring[Item], asked: dict[str, str], wanted: Callable[[Item], bool]) -> Page[Item]:
    said = asked.get("limit", str(LIMIT))
    limit = int(said) if said.isascii() and said.isdecimal() and len(said) <= len(str(LIMIT_MAX)) else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise bad_query(f"limit is a whole number from 1 to {LIMIT_MAX}", f"leave it away for {LIMIT}")
    after = asked.get("after")
    if after is None:
        return ring.latest(limit, wanted)
    if not 1 <= len(after) <= NAME_MAX:
        raise bad_query("after is the 'next' of an earlier page", "leave it away for the newest, or 0 for the oldest")
    return ring.page(after, limit, wanted)


def _paged(name: str, found: Page[Item], shown: Callable[[Entry[Item]], shapes.Json]) -> shapes.Json:
    rows = [shown(entry) for entry in found.entries]
    return {name: rows, "next": found.next, "more": found.more, "missed": found.missed}


def _name(asked: dict[str, str], parameter: str) -> str:
    said = asked.get(parameter)
    if said is not None and not 1 <= len(said) <= NAME_MAX:
        raise bad_query(f"{parameter} has 1 to {NAME_MAX} characters", "leave it away for all")
    return said or ""
