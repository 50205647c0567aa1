"""The description of HTTP API v1 (OpenAPI 3.1): served at /v1/openapi.json, committed as docs/openapi.json.

    python -m supervisor.gateway.openapi > docs/openapi.json

Rules
* It is the same for every site: what exists in a house is in /v1/state, not here.
* Every operation names each status that it can answer with. What can happen before a request is one, such as a head
  that is too long, is told in the introduction; it comes in the same error shape, but belongs to no operation.
* A test compares these paths with the routes, and a fuzzer the answers with these shapes.

This file must never promise what only a hand in the house can do: there is no path for it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import msgspec

from supervisor.gateway.schemas import TEXT, Schema, ref, schemas

INTRODUCTION = """\
Orchestrators ask, the guardian decides: every wish is answered with its decision and the clauses that made it.

* Writes need the token of an identity: `Authorization: Bearer TOKEN`. Reads need one where the site says
  `gateway: reads: identified`; any identity will do, also an observer's.
* Each GET is answered to HEAD as well. `Accept` is not looked at. Paths have no trailing slash.
* A body is JSON and says so, or nothing. A field or query parameter that nobody knows is an error (422).
* A stop and a release look at neither body nor query, and have a rate of their own: nothing can spoil them.
* Every error has one shape. So have those from before a request is one: 400 (no HTTP), 411 (chunks instead of a
  length), 431 (a head of more than 16 KiB).
"""

EXAMPLE_ERROR = {"error": {"code": "unknown_target", "message": "there is no such target", "remedy": "see /v1/targets"}}
EXAMPLE_LEASE = {"target": "wallbox.current", "holder": "optimiser", "kind": "live", "value": 10, "unit": "A"}
EXAMPLE_CLAUSE = {"rule": "circuits.house", "effect": "clips", "text": "35 A less what the house draws", "saw": []}
EXAMPLE_ANSWER = {
    "verdict": "clipped",
    "value": 10,
    "unit": "A",
    "lease": EXAMPLE_LEASE | {"expires_in_s": 30},
    "request_id": "a4",
    "clauses": [EXAMPLE_CLAUSE],
}
EXAMPLES: dict[str, Any] = {
    "Error": EXAMPLE_ERROR,
    "Answer": EXAMPLE_ANSWER,
    "Health": {"healthy": True},
    "Identity": {
        "name": "optimiser",
        "role": "orchestrator",
        "shared": False,
        "mqtt": False,
        "holds": ["wallbox.current"],
        "rate": {"writes_per_s": 20, "burst": 40},
    },
    "Setpoint": {"value": 10, "unit": "A", "kind": "live", "duration_s": 30},
    "Renewal": {"duration_s": 30},
    "Beat": {"number": 7},
    "Acknowledgement": {"challenge": "0" * 32, "public_key": "0" * 64, "signature": "0" * 128},
}

ERRORS = {
    "401": "No token, or one that no identity has.",
    "403": "Known, but his role may not.",
    "404": "There is no such thing here.",
    "413": "A body has at most 8 KiB.",
    "415": "A body is JSON.",
    "422": "Body or query mean nothing; `message` says what and where.",
    "429": "Too often, or locked out after too many wrong tokens; `Retry-After` says for how long.",
    "503": "The guardian does not answer, or there are too many streams; `Retry-After` says when to ask again.",
}
JSON = "application/json"
NOBODY: list[dict[str, list[str]]] = []
ANYBODY: list[dict[str, list[str]]] = [{}, {"bearer": []}]  # as the site says
SOMEBODY: list[dict[str, list[str]]] = [{"bearer": []}]


def answer(schema: Schema, description: str, media: str = JSON) -> Schema:
    """A response with a body."""
    example = EXAMPLES.get(schema.get("$ref", "").rpartition("/")[2])
    return {
        "description": description,
        "content": {media: {"schema": schema} | ({"example": example} if example else {})},
    }


def errors(*codes: str) -> Schema:
    """The responses for what can go wrong, in the one error shape."""
    return {code: {"$ref": f"#/components/responses/{code}"} for code in sorted(codes)}


def failures() -> Schema:
    """What :func:`errors` refers to."""
    found = {code: answer(ref("Error"), says) for code, says in ERRORS.items()}
    for code in ("429", "503"):
        found[code]["headers"] = {
            "Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}
        }
    found["401"]["headers"] = {"WWW-Authenticate": {"schema": TEXT}}
    return found


def path_parameter(name: str, example: str) -> Schema:
    """A part of the path."""
    schema = {"type": "string", "minLength": 1, "maxLength": 80}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def query_parameter(name: str, schema: Schema, description: str) -> Schema:
    """A part of the query."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


TARGET = path_parameter("target", "wallbox.current")
DEVICE = path_parameter("device", "wallbox")
RULE = path_parameter("rule", "rules.cold_cells")
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 80}
AFTER = query_parameter(
    "after", NAME, "The `next` of an earlier page, or 0 for the oldest that is kept. Default: the newest."
)
LIMIT = query_parameter("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "At most so many.")
OF_TARGET = query_parameter("target", NAME, "Only about this target; a stop of everything concerns each.")
OF_IDENTITY = query_parameter("identity", NAME, "Only from this identity.")
DRY_RUN = query_parameter("dry_run", {"type": "string", "enum": ["true", "false"]}, "Judge it, and change nothing.")
PLACE: Schema = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "The id that was heard last; what came after it follows.",
}


def read(tag: str, summary: str, schema: Schema, *parameters: Schema, **more: Any) -> Schema:
    """A GET whose answer is made from the picture. ``absent``: is it 503 without one? ``who``, ``media``: see use."""
    who, media = more.pop("who", ANYBODY), more.pop("media", JSON)
    codes = ["422", "429"] + (["503"] if more.pop("absent", True) else []) + (["401"] if who else [])
    codes += more.pop("also", ())
    codes += ["404"] if any(parameter["in"] == "path" for parameter in parameters) else []
    responses = {"200": answer(schema, more.pop("says", summary), media)} | errors(*codes)
    said = {"tags": [tag], "summary": summary, "security": who, "responses": responses}
    return {"get": said | ({"parameters": list(parameters)} if parameters else {}) | more}


def write(summary: str, body: str, *parameters: Schema, **more: Any) -> Schema:
    """A PUT or POST that is answered with a decision. ``body``: the name of its shape, "" where none is looked at."""
    said = answer(ref(more.pop("says", "Answer")), "Granted, clipped or done; `verdict` says which, `clauses` why.")
    found = said["content"][JSON]
    refused = {"content": {JSON: {"schema": found["schema"]}}}
    codes = ["401", "429", "503"] + (["413", "415", "422"] if body else []) + (["404"] if parameters else [])
    responses = {"200": said, "403": refused | {"description": "Refused; `clauses` says by which rule and why."}}
    responses |= {"409": refused | {"description": "Refused, because another identity holds the target."}}
    responses |= errors(*codes)
    often = {"schema": {"oneOf": [ref("Error"), found["schema"]]}}
    responses["429"] = {"description": "Too often: for this gateway, or for the guardian.", "content": {JSON: often}}
    method: Schema = {"tags": ["asking"], "summary": summary, "security": more.pop("who", SOMEBODY)}
    if not method["security"]:
        del responses["401"]
    if body:
        content = {JSON: {"schema": ref(body), "example": EXAMPLES[body]}}
        method["requestBody"] = {"required": more.pop("required", False), "content": content}
    way = more.pop("way", "post")
    return {way: method | {"parameters": list(parameters), "responses": dict(sorted(responses.items()))} | more}


ONE_TARGET = "/v1/targets/{target}"


def _reads() -> dict[str, Schema]:
    now, was, us = "now", "what was", "the gateway"
    target, text = ONE_TARGET, {"type": "string"}
    return {
        "/v1/state": read(now, "Everything in one picture", ref("State"), absent=False),
        "/v1/devices": read(now, "Each device's machines, readings and targets", ref("Devices")),
        "/v1/devices/{device}": read(now, "One device", ref("OneDevice"), DEVICE),
        "/v1/targets": read(now, "Each target, what may be asked of it and who holds it", ref("Targets")),
        target: read(now, "One target", ref("OneTarget"), TARGET),
        target + "/envelope": read(now, "What may be asked now, and what binds", ref("OneEnvelope"), TARGET),
        target + "/why": read(now, "Why it does what it does", ref("Why"), TARGET),
        "/v1/events": read(was, "What happened, the newest last", ref("Events"), AFTER, LIMIT),
        "/v1/decisions": read(
            was,
            "Who asked for what and got what, the newest last",
            ref("Decisions"),
            AFTER,
            LIMIT,
            OF_TARGET,
            OF_IDENTITY,
        ),
        "/v1/stream": read(
            was, "State, events and decisions as they come", text, PLACE, media="text/event-stream", description=STREAM
        ),
        "/v1/identities/me": read(us, "Whose token this is", ref("Identity"), who=SOMEBODY),
        "/v1/denials": read(
            us, "Who was turned away at this gateway, and why", ref("Denials"), who=SOMEBODY, also=("403",)
        ),
        "/healthz": read(us, "Does the guardian answer?", ref("Health"), who=NOBODY),
        "/metrics": read(us, "For Prometheus", text, media="text/plain", absent=False),
        "/v1/openapi.json": read(us, "This", {"type": "object"}, who=NOBODY, absent=False),
        "/docs": read(us, "This, for people", text, who=NOBODY, absent=False, media="text/html"),
        "/": read(us, "The local page", text, who=NOBODY, absent=False, media="text/html"),
    }


def _writes() -> dict[str, Schema]:
    target, stopped = (
        ONE_TARGET,
        "A stop always passes, whoever holds the lease; the target is safe until the next grant.",
    )
    return {
        target + "/setpoint": write("Ask for a value", "Setpoint", TARGET, DRY_RUN, way="put", required=True),
        target + "/renew": write("Keep what was granted for longer", "Renewal", TARGET),
        target + "/release": write("Give a target back", "", TARGET),
        target + "/stop": write("Stop one target", "", TARGET, description=stopped),
        "/v1/stop": write("Stop everything", "", description=stopped),
        "/v1/heartbeat": write("Say that one is alive; no lease is renewed by it", "Beat"),
        "/v1/latches/{rule}/acknowledge": write(
            "Pass on what an installer signed", "Acknowledgement", RULE, who=NOBODY, required=True, says="Acknowledged"
        ),
    }


STREAM = """\
Server-sent events. First `state`, as /v1/state without its events, and again whenever the guardian comes or goes. Then
`change` with what is different (`house`, `machines`, `readings`, `targets`, `trips`, `buses`), at most four times a
second; ages and countdowns alone are no change. `event` and `decision` hold one each, as in the pages. After a
reconnection with `Last-Event-ID` what was missed follows; `gap` comes first when some of it is kept no more. A comment
every 10 s says that it is still there. At most 16 streams, 4 from one address; who does not read is hung up on."""


@cache
def description() -> bytes:
    """The document, as it is served and committed."""
    scheme = {"type": "http", "scheme": "bearer", "description": "The token of an identity of the site document."}
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Powerwarden",
            "version": "1",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": "now"}, {"name": "asking"}, {"name": "what was"}, {"name": "the gateway"}],
        "paths": {path: _named(path, item) for path, item in (_reads() | _writes()).items()},
        "components": {"securitySchemes": {"bearer": scheme}, "responses": failures(), "schemas": schemas()},
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def _named(path: str, item: Schema) -> Schema:
    """Each operation with an id made from its path, for generated clients."""
    words = [word.strip("{}").replace(".", "_") for word in path.split("/") if word not in ("", "v1")]
    return {method: {"operationId": "_".join([method, *words])} | said for method, said in item.items()}


if __name__ == "__main__":
    sys.stdout.write(description().decode())
