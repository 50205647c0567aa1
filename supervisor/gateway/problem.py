"""The one shape of every error, and of every JSON answer.

Rules
* An error names a stable ``code`` for programs, a ``message`` for people and a ``remedy``: what to do now.
* Nothing that came from outside is repeated at length: a message quotes at most a short name.

This file must never decide anything; it only says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from supervisor.gateway.address import network_of
from supervisor.gateway.denials import Denials

_encode = msgspec.json.encode

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Problem(Exception):
    """A request that ends here. ``status`` is HTTP's; ``retry_after_ms`` is told to the client where it is known;
    ``who`` is the identity, where one was proven, for the audit alone."""

    def __init__(
        self, status: int, code: str, message: str, remedy: str, retry_after_ms: int | None = None, who: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy
        self.retry_after_ms = retry_after_ms
        self.who = who


def reply(body: Any, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Response:
    """A JSON response."""
    return Response(_encode(body), status, headers=headers, media_type="application/json")


def problem_reply(problem: Problem) -> Response:
    """The error shape, with the headers that HTTP wants beside some states."""
    headers = dict(HEADERS)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    if problem.retry_after_ms is not None:
        headers["retry-after"] = str(max(1, -(-problem.retry_after_ms // 1_000)))
    error = {"code": problem.code, "message": problem.message, "remedy": problem.remedy}
    return reply({"error": error}, problem.status, headers)


async def on_problem(request: Request, error: Exception) -> Response:
    """Starlette's handler for :class:`Problem`."""
    if not isinstance(error, Problem):
        raise error
    _count(request, error)
    return problem_reply(error)


async def on_http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, no such method) in our shape."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "refused")
    problem = Problem(status, code, "there is nothing here under this path and method", "see GET /v1/state")
    _count(request, problem)
    return problem_reply(problem)


def _count(request: Request, problem: Problem) -> None:
    """Into the audit: the path, never the query or a header, because people put tokens there."""
    denials: Denials | None = getattr(request.app.state, "denials", None)
    if denials is not None:
        where = network_of(request.client.host) if request.client else "?"
        denials.deny_problem(problem.status, problem.code, where, problem.who, request.url.path)


async def on_bug(_request: Request, _error: Exception) -> Response:
    """A programmer's mistake. The server logs its trace; the client learns only that nothing was asked for."""
    remedy = "please report it; the guardian keeps supervising without the gateway"
    return problem_reply(Problem(500, "internal", "the gateway made a mistake", remedy))
