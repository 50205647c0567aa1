"""The HTTP interface: routes, and the path of a request that asks for something.

    reads     reads.py: door (address, and a token where the site wants one) -> newest picture or rings -> JSON
    writes    door (address, identity) -> target -> query -> body -> received_ms -> guardian -> its decision as JSON
    urgent    door (identity's urgent rate) -> guardian; neither body nor query of a stop or release is even read

Rules
* Writes need an identity. Nothing is decided here, not even by role: the guardian's verdict is passed on with its
  reasons.
* 200 granted, clipped or done; 403 refused; 409 refused because another one holds the target; the rest is problem.py.
* What openapi.py describes is what is here: a test compares the two, and a fuzzer their behaviour.

This file must never hold anything that a restarted gateway would miss: what the rings remember is also in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from supervisor.gateway import body, shapes
from supervisor.gateway.denials import Denials
from supervisor.gateway.door import Door
from supervisor.gateway.history import History
from supervisor.gateway.link import Absent, Link, monotonic_ms
from supervisor.gateway.metrics import Metrics, Own
from supervisor.gateway.problem import Problem, on_bug, on_http, on_problem, reply
from supervisor.gateway.reads import Reads
from supervisor.gateway.steps import Steps, absent, bad_query, query, read_body
from supervisor.gateway.stream import Streams
from supervisor.gateway.traffic import Traffic
from supervisor.wire import Acknowledge, Answer, Ask, TargetInfo, Verb

GRANTED = ("granted", "clipped", "done")
RATE_RULES = {"request.rate", "request.rate_of_all", "acknowledge.rate"}
HELD_RULE = "lease.held"
VIA = "http"


class Writes:
    """The endpoints that ask the guardian."""

    def __init__(self, link: Link, door: Door, history: History, clock_ms: Callable[[], int]) -> None:
        self._link = link
        self._steps = Steps(link, door, clock_ms)
        self._history = history
        self._clock_ms = clock_ms

    async def setpoint(self, request: Request) -> Response:
        identity = self._steps.admit(request)
        info = self._steps.target(request)
        dry_run = _dry_run(request)
        raw = await read_body(request)
        received_ms = self._clock_ms()
        wish = body.wish(raw, info)
        ask = _ask(Verb.SET, identity, received_ms, info, wish.request_id)
        ask = replace(ask, value=wish.value, kind=wish.kind, duration_ms=wish.duration_ms, dry_run=dry_run)
        ask = replace(ask, number=wish.number, starts_in_ms=wish.starts_in_ms)
        return await self._decide(ask, info, wish.unit)

    async def renew(self, request: Request) -> Response:
        identity = self._steps.admit(request)
        info = self._steps.target(request)
        query(request)
        raw = await read_body(request)
        received_ms = self._clock_ms()
        renewal = body.parse(raw or b"{}", body.Renewal)
        ask = _ask(Verb.RENEW, identity, received_ms, info, renewal.request_id or body.fresh_id())
        ask = replace(ask, duration_ms=body.duration(renewal.duration_s), number=renewal.number)
        return await self._decide(ask, info)

    async def heartbeat(self, request: Request) -> Response:
        identity = self._steps.admit(request)
        query(request)
        raw = await read_body(request)
        received_ms = self._clock_ms()
        beat = body.parse(raw or b"{}", body.Beat)
        return await self._decide(replace(_ask(Verb.HEARTBEAT, identity, received_ms), number=beat.number), None)

    async def release(self, request: Request) -> Response:
        identity = self._steps.admit(request, urgent=True)
        info = self._steps.target(request)
        return await self._decide(_ask(Verb.RELEASE, identity, self._clock_ms(), info), info)

    async def stop(self, request: Request) -> Response:
        identity = self._steps.admit(request, urgent=True)
        info = self._steps.target(request)
        return await self._decide(_ask(Verb.STOP, identity, self._clock_ms(), info), info)

    async def stop_all(self, request: Request) -> Response:
        """The empty target is every target."""
        identity = self._steps.admit(request, urgent=True)
        return await self._decide(_ask(Verb.STOP, identity, self._clock_ms()), None)

    async def acknowledge(self, request: Request) -> Response:
        """Whoever asks: the guardian looks at the signature, and there is nothing else to look at."""
        self._steps.visit(request)
        view = self._steps.view()
        rule = request.path_params["rule"]
        if rule not in dict(view.describe.rules):
            remedy = "GET /v1/state shows the latched ones in 'trips'"
            raise Problem(404, "unknown_rule", "there is no such rule", remedy)
        raw = await read_body(request)
        received_ms = self._clock_ms()
        said = body.parse(raw, body.Acknowledgement)
        word = Acknowledge(0, rule, said.challenge, said.public_key, said.signature, received_ms)
        answer = await self._ask(word)
        return reply(shapes.acknowledged(rule, answer), _status(answer))

    async def _decide(self, ask: Ask, info: TargetInfo | None, unit: str | None = None) -> Response:
        said = await self._ask(ask)
        return reply(shapes.answer(said, info, unit, ask.request_id), _status(said))

    async def _ask(self, ask: Ask | Acknowledge) -> Answer:
        try:
            said = await self._link.ask(ask)
        except Absent as missing:
            raise absent(missing) from None
        self._history.decided(ask, said, VIA)
        return said


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


def _dry_run(request: Request) -> bool:
    said = query(request, "dry_run").get("dry_run", "false")
    if said not in ("true", "false"):
        raise bad_query("dry_run is true or false", "leave it away to ask in earnest")
    return said == "true"


async def _on_http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals; a method that is not allowed comes with those that are."""
    response = await on_http(request, error)
    allowed = (error.headers or {}).get("Allow") if isinstance(error, HTTPException) else None
    if allowed is not None:
        response.headers["allow"] = allowed
    return response


def build(
    link: Link,
    door: Door,
    history: History | None = None,
    broker: Callable[[], bool | None] | None = None,
    clock_ms: Callable[[], int] = monotonic_ms,
) -> Starlette:
    """The ASGI application. It starts and stops nothing: the link runs beside it. ``history``: the one that MQTT's
    decisions go into, too; ``broker``: is it reached? Its ``state.streams`` is to be closed when the server stops, or
    the open streams keep it."""
    history = history or History(link, clock_ms)
    streams = Streams(link, history, clock_ms)
    traffic = Traffic()
    metrics = Metrics(link, Own(traffic.totals, lambda: _denials(app), streams.__len__, broker))
    reads = Reads(link, door, history, streams, metrics, clock_ms)
    writes = Writes(link, door, history, clock_ms)
    handlers = {Problem: on_problem, HTTPException: _on_http, 500: on_bug}
    app = Starlette(routes=_read_routes(reads) + _write_routes(writes), exception_handlers=handlers)
    app.router.redirect_slashes = False  # a redirected PUT is sent twice by some clients and as a GET by others
    app.add_middleware(traffic.watch)
    app.state.streams = streams
    return app


def _denials(app: Starlette) -> Mapping[str, int]:
    """Who was turned away, counted where problem.py says it."""
    denials: Denials | None = getattr(app.state, "denials", None)
    return {str(reason): total for reason, total in denials.totals().items()} if denials is not None else {}


def end_streams(app: object) -> None:
    """The server stops: what would not end by itself ends now. ``app``: of :func:`build`."""
    if isinstance(app, Starlette):
        app.state.streams.close()


def _read_routes(reads: Reads) -> list[Route]:
    paths = {
        "/": reads.home,
        "/docs": reads.docs,
        "/healthz": reads.health,
        "/metrics": reads.metrics,
        "/v1/openapi.json": reads.openapi,
        "/v1/state": reads.state,
        "/v1/devices": reads.devices,
        "/v1/devices/{device}": reads.device,
        "/v1/targets": reads.targets,
        "/v1/targets/{target}": reads.target,
        "/v1/targets/{target}/envelope": reads.envelope,
        "/v1/targets/{target}/why": reads.why,
        "/v1/events": reads.events,
        "/v1/decisions": reads.decisions,
        "/v1/stream": reads.stream,
        "/v1/denials": reads.denials,
        "/v1/identities/me": reads.me,
    }
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in paths.items()]  # and HEAD, as HTTP has it


def _write_routes(writes: Writes) -> list[Route]:
    paths = {
        "/v1/targets/{target}/renew": writes.renew,
        "/v1/targets/{target}/release": writes.release,
        "/v1/targets/{target}/stop": writes.stop,
        "/v1/stop": writes.stop_all,
        "/v1/heartbeat": writes.heartbeat,
        "/v1/latches/{rule}/acknowledge": writes.acknowledge,
    }
    posts = [Route(path, endpoint, methods=["POST"]) for path, endpoint in paths.items()]
    return [Route("/v1/targets/{target}/setpoint", writes.setpoint, methods=["PUT"]), *posts]
