"""How many HTTP requests this gateway answered, by route, method and class of status.

The labels are the route's template (``/v1/targets/{target}``), never the address that was asked for; a method or an
address that no route has is "other". So their number is that of the routes, whatever a caller sends.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
OTHER = "other"
Key = tuple[str, str, str]


class Traffic:
    """The counts, and the middleware that makes them: ``Traffic().watch(app)``."""

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}

    def totals(self) -> dict[Key, int]:
        """By (route, method, class such as "2xx"), since this process started."""
        return dict(self._counts)

    def count(self, scope: Scope, status: int) -> None:
        """One request has got the first word of its answer; ``scope`` has been routed."""
        method = scope["method"] if scope["method"] in METHODS else OTHER
        key = (getattr(scope.get("route"), "path", OTHER), method, f"{status // 100}xx")
        self._counts[key] = self._counts.get(key, 0) + 1

    def watch(self, app: ASGIApp) -> ASGIApp:
        """``app``, counted. An exception that comes through counts as 5xx."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            begun = False

            async def sent(message: Message) -> None:
                nonlocal begun
                if message["type"] == "http.response.start":
                    begun = True
                    self.count(scope, message["status"])
                await send(message)

            try:
                await app(scope, receive, sent)
            except BaseException:  # also a caller who hung up; it goes on to whoever handles it
                if not begun:
                    self.count(scope, 500)
                raise

        return watched
