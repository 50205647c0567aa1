"""The steps that requests have in common, from the door to the guardian and back.

Rules
* Each step ends the request with a :class:`Problem` or hands on; none of them is skipped because another one passed.
* Where reading needs an identity, any will do. While the guardian is away nobody can be told apart, so nothing that is
  remembered of the house is shown either.
* An unknown query parameter is an error, not a comment: a misspelt "dryrun" must not become an order in earnest. Only
  stop and release look at no query and no body at all, so nothing can be wrong with them.

This file must never judge a wish.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from supervisor.gateway import body
from supervisor.gateway.door import Door
from supervisor.gateway.link import Absent, Change, Link, View
from supervisor.gateway.problem import Problem
from supervisor.wire import TargetInfo

QUERY_MAX = 512  # bytes
OPEN = "open"
# What a body may call itself. The second is what curl -d and Python's urllib say when nobody told them anything; the
# body is parsed as strictly as any other, and no browser can send our token by itself, so nothing is lost by it.
JSON_TYPES = ("application/json", "application/x-www-form-urlencoded")


class Steps:
    """Over one link and one door."""

    def __init__(self, link: Link, door: Door, clock_ms: Callable[[], int]) -> None:
        self._link = link
        self._door = door
        self._clock_ms = clock_ms
        self._reads = OPEN  # until a guardian has said otherwise there is nothing to read
        link.listen(self._on_change)

    def visit(self, request: Request, *known: str) -> dict[str, str]:
        """For what anybody may see: the address is charged, the query is looked at and returned."""
        self._door.visit(address(request), self._clock_ms())
        return query(request, *known)

    def read(self, request: Request, *known: str, remembered: bool = True) -> dict[str, str]:
        """For what anybody may see, or whoever has a token, as the site says. ``remembered``: is there anything to be
        shown while the guardian is away?"""
        if self._reads == OPEN or not (remembered or self._link.connected):
            return self.visit(request, *known)
        self.who(request)
        return query(request, *known)

    def look(self, request: Request, *known: str) -> View:
        """The newest picture, for whoever may read."""
        self.read(request, *known, remembered=False)
        return self.view()

    def view(self) -> View:
        """The newest picture. Raises Problem 503 while there is none that is fresh."""
        view = self._link.view()
        if view is None:
            trouble = "its picture is old" if self._link.connected else self._link.trouble
            raise absent(Absent("guardian_absent", f"nothing can be shown: {trouble}"))
        return view

    def who(self, request: Request) -> str:
        """Whose token it is; only the address is charged."""
        return self._identify(self._door.recognise, request)

    def admit(self, request: Request, urgent: bool = False) -> str:
        """Who asks, charged."""
        return self._identify(self._door.admit_urgent if urgent else self._door.admit, request)

    def target(self, request: Request) -> TargetInfo:
        """The target in the path."""
        wanted = request.path_params["target"]
        for info in self._link.describe.targets if self._link.describe else ():
            if info.id == wanted:
                return info
        raise Problem(404, "unknown_target", "there is no such target", "GET /v1/targets lists them")

    def _identify(self, by: Callable[..., str], request: Request) -> str:
        if self._link.describe is None:  # its identities are not known either, so nobody can be told apart
            self._door.visit(address(request), self._clock_ms())
            raise absent(Absent("guardian_absent", f"the guardian is not there: {self._link.trouble}"))
        header = request.headers.get("authorization")
        return by(header, self._link.describe.identities, address(request), self._clock_ms())

    def _on_change(self, change: Change) -> None:
        if change == "described" and self._link.describe is not None:
            self._reads = self._link.describe.gateway.reads


def address(request: Request) -> str:
    """Where the request comes from."""
    return request.client.host if request.client else "?"


def query(request: Request, *known: str) -> dict[str, str]:
    """The query's parameters. Raises Problem 422 for one that is unknown, given twice, or longer than all may be."""
    raw: bytes = request.scope["query_string"]
    if not raw:
        return {}
    if len(raw) > QUERY_MAX:
        raise bad_query(f"a query has at most {QUERY_MAX} bytes", "leave away what is not needed")
    pairs = request.query_params.multi_items()
    found = dict(pairs)
    allowed = f"known here: {', '.join(known)}" if known else "there are none here"
    if not set(found) <= set(known):
        raise bad_query("there is a query parameter that nobody knows", allowed)
    if len(found) != len(pairs):
        raise bad_query("a query parameter is given twice", "give it once")
    return found


async def read_body(request: Request) -> bytes:
    """The whole body. Raises Problem 413, 415 or 422."""
    kind = request.headers.get("content-type")
    if kind is not None and kind.partition(";")[0].strip().lower() not in JSON_TYPES and _has_body(request):
        raise Problem(415, "not_json", "a body is JSON", "send the header Content-Type: application/json")
    return await body.read(request)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0"


def absent(missing: Absent) -> Problem:
    """The guardian that did not answer, as HTTP says it."""
    remedy = "ask again in a moment; with the same request_id a repetition changes nothing"
    return Problem(503, missing.code, str(missing), remedy, retry_after_ms=1_000)


def bad_query(message: str, remedy: str) -> Problem:
    """A query that means nothing."""
    return Problem(422, "bad_query", message, remedy)
