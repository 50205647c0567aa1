"""The running product, as a client of its HTTP interface sees it.

Rules
* Whatever is wished is a live lease of a minute, renewed while the walk needs it: if the walk dies, it ends by itself.
* A refusal is an answer; only a product that does not answer is an error, and the walk ends with it.

It must never show a token.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.walk import amounts

TIMEOUT_S = 10.0
ANSWER_MAX = 10_000_000  # bytes
TOKEN_MAX = 1_000
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the house is near, no proxy knows it


class WalkError(Exception):
    """Why there is no walk, and what to do."""


def read_token(path: Path) -> str:
    """One line. WalkError when there is none."""
    try:
        with path.open("r", encoding="ascii") as file:
            token = file.read(TOKEN_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WalkError(
            f"cannot read a token from {path}: {error}; write it into a file of its own, one line"
        ) from None
    if not token or any(not "!" <= letter <= "~" for letter in token):
        raise WalkError(f"{path} must hold one token on one line, without spaces")
    return token


class Client:
    """One product at ``url``."""

    def __init__(self, url: str, token: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise WalkError(f"'{url}' is no address; write for example --api http://127.0.0.1:8080")
        self.url, self._token = url.rstrip("/"), token
        self._held: dict[str, tuple[float, str, int]] = {}  # target -> value, unit, when it was said last

    def state(self) -> Any:
        """GET /v1/state."""
        code, said = self._call("GET", "/v1/state")
        if code != 200:
            raise WalkError(f"{self.url} does not say how the house is: HTTP {code}: {_problem(said)}")
        if not isinstance(said, dict) or "readings" not in said:
            raise self._stranger()
        return said

    def me(self) -> str:
        """Whose token this is."""
        code, said = self._call("GET", "/v1/identities/me")
        if code != 200:
            raise WalkError(f"{self.url} does not know this token: {_problem(said)}")
        if not isinstance(said, dict) or "name" not in said:
            raise self._stranger()
        return str(said["name"])

    def set(self, target: str, value: float, unit: str, now_ms: int) -> tuple[str, str]:
        """Ask for a value. The verdict, and the text of its reasons."""
        before = self._held.get(target)
        self._held[target] = (value, unit, now_ms)  # before it is asked: its answer may be lost, and Ctrl-C may come
        verdict, text = self._put(target, value, unit)
        if verdict in ("refused", "error"):
            self._held.pop(target)
            self._held |= {} if before is None else {target: before}
        return verdict, text

    def release(self, target: str) -> tuple[str, str]:
        """Give it back."""
        code, said = self._call("POST", f"/v1/targets/{urllib.parse.quote(target, safe='')}/release")
        self._held.pop(target, None)
        return _decided(code, said)

    def renew(self, now_ms: int) -> None:
        """What is held is asked for again before it ends."""
        for target, (value, unit, said_ms) in list(self._held.items()):
            if now_ms - said_ms >= amounts.RENEW_MS:
                self.set(target, value, unit, now_ms)

    @property
    def held(self) -> list[str]:
        """What has been asked for and not been given back."""
        return list(self._held)

    def release_all(self) -> None:
        """Nothing is left behind. WalkError names what could not be given back; what can be is."""
        lost = []
        for target in list(self._held):
            try:
                self.release(target)
            except WalkError as error:
                lost.append(f"{target} ({error})")
        if lost:
            told = f"not given back: {', '.join(lost)}"
            raise WalkError(f"{told}; it ends by itself {amounts.LEASE_S} s after it was last asked for")

    # ---- details -----------------------------------------------------------------------------------------------------
    def _stranger(self) -> WalkError:
        return WalkError(f"{self.url} answers, but not as Powerwarden does; name its gateway with --api")

    def _put(self, target: str, value: float, unit: str) -> tuple[str, str]:
        number: float | int = int(value) if value == int(value) else value
        body = {"value": number, "unit": unit, "kind": "live", "duration_s": amounts.LEASE_S}
        path = f"/v1/targets/{urllib.parse.quote(target, safe='')}/setpoint"
        return _decided(*self._call("PUT", path, body))

    def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
                return answer.status, json.loads(answer.read(ANSWER_MAX))
        except urllib.error.HTTPError as error:
            try:
                return error.code, json.loads(error.read(ANSWER_MAX))
            except (ValueError, OSError):
                return error.code, {}
        except (OSError, ValueError, HTTPException) as error:
            raise WalkError(f"no answer from {self.url}: {error}; is the product running there?") from None


def _decided(code: int, said: Any) -> tuple[str, str]:
    """A verdict, also of a refusal; anything else is an error with its text."""
    if isinstance(said, dict) and "verdict" in said:
        reasons = [f"{clause['rule']} {clause['effect']}: {clause['text']}" for clause in said["clauses"]]
        return str(said["verdict"]), "; ".join(reasons)
    return "error", f"HTTP {code}: {_problem(said)}"


def _problem(said: Any) -> str:
    try:
        return f"{said['error']['message']}; {said['error']['remedy']}"
    except (KeyError, TypeError):
        return "it gave no reason"
