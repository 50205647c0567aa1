"""The HTTP interface: routes, and the path of one request.

    reads     door (address) -> newest picture -> JSON
    writes    door (address, identity) -> target -> body -> received_ms -> guardian -> its decision as JSON
    urgent    door (identity's urgent rate) -> guardian; the body of a stop or release is not even read

Rules
* Reads are open, writes need an identity. Nothing is decided here: the guardian's verdict is passed on with its
  reasons.
* 200 granted, clipped or done; 403 refused; 409 refused because another one holds the target; the rest is problem.py.

This file must never hold state of its own beyond the buckets of the door: a restarted gateway has forgotten nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from supervisor.gateway import body, page, shapes
from supervisor.gateway.door import Door
from supervisor.gateway.link import Absent, Link, View, monotonic_ms
from supervisor.gateway.metrics import CONTENT_TYPE, Metrics
from supervisor.gateway.problem import HEADERS, Problem, on_bug, on_http, on_problem, reply
from supervisor.wire import Acknowledge, Answer, Ask, TargetInfo, Verb

Endpoint = Callable[[Request], Awaitable[Response]]

GRANTED = ("granted", "clipped", "done")
RATE_RULES = {"request.rate", "acknowledge.rate"}
HELD_RULE = "lease.held"


class Api:
    """The endpoints over one link and one door."""

    def __init__(self, link: Link, door: Door, clock_ms: Callable[[], int] = monotonic_ms) -> None:
        self._link = link
        self._door = door
        self._clock_ms = clock_ms
        self._metrics = Metrics(link)

    # ---- reads ---------------------------------------------------------------------------------------------------
    async def home(self, request: Request) -> Response:
        self._visit(request)
        return Response(page.HTML, headers=HEADERS | {"content-security-policy": page.POLICY}, media_type="text/html")

    async def state(self, request: Request) -> Response:
        """Always 200: that the guardian is not there is part of the state."""
        self._visit(request)
        return reply(shapes.state(self._link))

    async def devices(self, request: Request) -> Response:
        return reply({"devices": shapes.devices(self._look(request))})

    async def targets(self, request: Request) -> Response:
        return reply({"targets": shapes.targets(self._look(request))})

    async def target(self, request: Request) -> Response:
        view = self._look(request)
        info = self._target(request)
        return reply({"id": info.id} | shapes.targets(view)[info.id])

    async def events(self, request: Request) -> Response:
        return reply({"events": shapes.events(self._look(request))})

    async def health(self, request: Request) -> Response:
        """200 only while the guardian talks to us and its newest picture is fresh."""
        self._look(request)
        return reply({"healthy": True})

    async def metrics(self, request: Request) -> Response:
        self._visit(request)
        return Response(self._metrics.text(), headers=HEADERS | {"content-type": CONTENT_TYPE})

    # ---- writes --------------------------------------------------------------------------------------------------
    async def setpoint(self, request: Request) -> Response:
        identity = self._admit(request)
        info = self._target(request)
        dry_run = _dry_run(request)
        raw = await body.read(request)
        received_ms = self._clock_ms()
        wish = body.wish(raw, info)
        ask = _ask(Verb.SET, identity, received_ms, info, wish.request_id)
        ask = replace(ask, value=wish.value, kind=wish.kind, duration_ms=wish.duration_ms, dry_run=dry_run)
        ask = replace(ask, number=wish.number, starts_in_ms=wish.starts_in_ms)
        return await self._decide(ask, info, wish.unit)

    async def renew(self, request: Request) -> Response:
        identity = self._admit(request)
        info = self._target(request)
        raw = await body.read(request)
        received_ms = self._clock_ms()
        renewal = body.parse(raw or b"{}", body.Renewal)
        ask = _ask(Verb.RENEW, identity, received_ms, info, renewal.request_id or body.fresh_id())
        ask = replace(ask, duration_ms=body.duration(renewal.duration_s), number=renewal.number)
        return await self._decide(ask, info)

    async def heartbeat(self, request: Request) -> Response:
        identity = self._admit(request)
        raw = await body.read(request)
        received_ms = self._clock_ms()
        beat = body.parse(raw or b"{}", body.Beat)
        return await self._decide(replace(_ask(Verb.HEARTBEAT, identity, received_ms), number=beat.number), None)

    async def release(self, request: Request) -> Response:
        identity = self._admit(request, urgent=True)
        info = self._target(request)
        return await self._decide(_ask(Verb.RELEASE, identity, self._clock_ms(), info), info)

    async def stop(self, request: Request) -> Response:
        identity = self._admit(request, urgent=True)
        info = self._target(request)
        return await self._decide(_ask(Verb.STOP, identity, self._clock_ms(), info), info)

    async def stop_all(self, request: Request) -> Response:
        """The empty target is every target."""
        identity = self._admit(request, urgent=True)
        return await self._decide(_ask(Verb.STOP, identity, self._clock_ms()), None)

    async def acknowledge(self, request: Request) -> Response:
        """Whoever asks: the guardian looks at the signature, and there is nothing else to look at."""
        view = self._look(request)
        rule = request.path_params["rule"]
        if rule not in dict(view.describe.rules):
            raise Problem(
                404, "unknown_rule", "there is no such rule", "GET /v1/state shows the latched ones in 'trips'"
            )
        raw = await body.read(request)
        received_ms = self._clock_ms()
        said = body.parse(raw, body.Acknowledgement)
        word = Acknowledge(0, rule, said.challenge, said.public_key, said.signature, received_ms)
        try:
            answer = await self._link.ask(word)
        except Absent as absent:
            raise _absent(absent) from None
        return reply(shapes.acknowledged(rule, answer), _status(answer))

    # ---- the steps -----------------------------------------------------------------------------------------------
    def _visit(self, request: Request) -> None:
        self._door.visit(_address(request), self._clock_ms())

    def _look(self, request: Request) -> View:
        self._visit(request)
        view = self._link.view()
        if view is None:
            trouble = "its picture is old" if self._link.connected else self._link.trouble
            raise _absent(Absent("guardian_absent", f"nothing can be shown: {trouble}"))
        return view

    def _admit(self, request: Request, urgent: bool = False) -> str:
        if self._link.describe is None:  # its identities are not known either, so nobody can be told apart
            self._visit(request)
            raise _absent(Absent("guardian_absent", f"the guardian is not there: {self._link.trouble}"))
        admit = self._door.admit_urgent if urgent else self._door.admit
        header = request.headers.get("authorization")
        return admit(header, self._link.describe.identities, _address(request), self._clock_ms())

    def _target(self, request: Request) -> TargetInfo:
        wanted = request.path_params["target"]
        for info in self._link.describe.targets if self._link.describe else ():
            if info.id == wanted:
                return info
        raise Problem(404, "unknown_target", "there is no such target", "GET /v1/targets lists them")

    async def _decide(self, ask: Ask, info: TargetInfo | None, unit: str | None = None) -> Response:
        try:
            said = await self._link.ask(ask)
        except Absent as absent:
            raise _absent(absent) from None
        return reply(shapes.answer(said, info, unit, ask.request_id), _status(said))


def _status(said: Answer) -> int:
    if said.verdict in GRANTED:
        return 200
    refusing = {clause.rule for clause in said.clauses if clause.effect == "refuses"}
    if RATE_RULES & refusing:
        return 429
    return 409 if HELD_RULE in refusing else 403


def _ask(verb: Verb, identity: str, at_ms: int, info: TargetInfo | None = None, request_id: str = "") -> Ask:
    target, unit = ("", "") if info is None else (info.id, info.unit)
    return Ask(0, verb, identity, target, None, unit, "", None, request_id or body.fresh_id(), at_ms, False)


def _absent(absent: Absent) -> Problem:
    remedy = "ask again in a moment; with the same request_id a repetition changes nothing"
    return Problem(503, absent.code, str(absent), remedy, retry_after_ms=1_000)


def _address(request: Request) -> str:
    return request.client.host if request.client else "?"


def _dry_run(request: Request) -> bool:
    said = request.query_params.get("dry_run", "false")
    if said not in ("true", "false"):
        raise Problem(422, "bad_query", "dry_run is true or false", "leave it away to ask in earnest")
    return said == "true"


def build(link: Link, door: Door) -> Starlette:
    """The ASGI application. It starts and stops nothing: the link runs beside it."""
    api = Api(link, door)

    def get(path: str, endpoint: Endpoint) -> Route:
        return Route(path, endpoint, methods=["GET"])

    def post(path: str, endpoint: Endpoint) -> Route:
        return Route(path, endpoint, methods=["POST"])

    routes = [
        get("/", api.home),
        get("/healthz", api.health),
        get("/metrics", api.metrics),
        get("/v1/state", api.state),
        get("/v1/devices", api.devices),
        get("/v1/targets", api.targets),
        get("/v1/targets/{target}", api.target),
        get("/v1/events", api.events),
        Route("/v1/targets/{target}/setpoint", api.setpoint, methods=["PUT"]),
        post("/v1/targets/{target}/renew", api.renew),
        post("/v1/targets/{target}/release", api.release),
        post("/v1/targets/{target}/stop", api.stop),
        post("/v1/stop", api.stop_all),
        post("/v1/heartbeat", api.heartbeat),
        post("/v1/latches/{rule}/acknowledge", api.acknowledge),
    ]
    handlers = {Problem: on_problem, HTTPException: on_http, 500: on_bug}
    return Starlette(routes=routes, exception_handlers=handlers)
