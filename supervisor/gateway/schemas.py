"""The shapes of HTTP bodies as JSON Schema: requests from the structs that parse them, answers as shapes.py makes them.

Rules
* What a request may hold is generated, so that it cannot differ from what is parsed. What msgspec cannot know, because
  a number is kept as it was written until its unit is known, stands in RAW.
* An answer's schema names every field. A field that may be missing says so by not being required; a value that may be
  unknown may be null, and is never 0 instead.

This file must never be looked at to serve a request: it describes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from supervisor.gateway import body

Schema = dict[str, Any]

BODIES = (body.Setpoint, body.Renewal, body.Beat, body.Acknowledgement)
DURATION: Schema = {"type": "number", "minimum": 0.001, "maximum": body.DURATION_MAX_MS / 1_000, "examples": [30]}
RAW: dict[tuple[str, str], Schema] = {
    ("Setpoint", "value"): {
        "type": ["number", "string"],
        "description": 'A plain number; a switch also takes "on" and "off", a changeover the name of a position.',
        "examples": [10],
    },
    ("Setpoint", "duration_s"): DURATION
    | {"description": "Whole in ms. Left away: the kind's default, 30 s for a live one."},
    ("Setpoint", "starts_in_s"): DURATION | {"description": "Whole in ms. Of a program: when it begins."},
    ("Renewal", "duration_s"): DURATION | {"description": "Whole in ms. Left away: as long as it was granted for."},
}


def text(description: str = "", **more: Any) -> Schema:
    """A string."""
    return {"type": "string"} | ({"description": description} if description else {}) | more


def number(description: str = "", **more: Any) -> Schema:
    """A number that is known."""
    return {"type": "number"} | ({"description": description} if description else {}) | more


def maybe(schema: Schema, description: str = "") -> Schema:
    """``schema``, or null where it is not known or there is none."""
    told = {"description": description} if description else {}
    if "$ref" in schema:
        return {"oneOf": [schema, {"type": "null"}]} | told
    return schema | {"type": [schema["type"], "null"]} | told


def listed(items: Schema, description: str = "") -> Schema:
    """An array."""
    return {"type": "array", "items": items} | ({"description": description} if description else {})


def mapped(values: Schema, description: str) -> Schema:
    """An object by id."""
    return {"type": "object", "additionalProperties": values, "description": description}


def ref(name: str) -> Schema:
    """A schema of :func:`schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def fields(properties: dict[str, Schema], optional: dict[str, Schema] | None = None, description: str = "") -> Schema:
    """An object: all ``properties`` are always there, ``optional`` ones where they mean something."""
    told: Schema = {"description": description} if description else {}
    return told | {"type": "object", "properties": properties | (optional or {}), "required": list(properties)}


TEXT, NUMBER, FLAG = text(), number(), {"type": "boolean"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
SECONDS = number(minimum=0)
VALUE = maybe(number(), "In the unit beside it; null where there is none.")
UNIT = text("As the API spells it; a wish may be written in others of its kind (A and mA, W and kW).", examples=["A"])
TIME = text("ISO 8601, UTC.", format="date-time")
ID = text("Opaque: compare it for being equal, and give it as `after`.")


def schemas() -> dict[str, Schema]:
    """All of them by name."""
    return _requests() | _picture() | _records() | _answers()


def _requests() -> dict[str, Schema]:
    plain = [_plain(shape) for shape in BODIES]
    _, found = msgspec.json.schema_components(plain, ref_template="#/components/schemas/{name}")
    for (name, field), schema in RAW.items():
        found[name]["properties"][field] = schema
    for schema in found.values():
        for field in schema["properties"].values():
            field.pop("default", None)  # "" and null are how absence looks inside, not what to send
            for one in (field, *field.get("anyOf", ())):
                if "pattern" in one:
                    one["pattern"] = one["pattern"].replace(r"\Z", "$")  # the same in every dialect, Python's aside
        schema["description"] = "A field that nobody knows is an error."
    found["Setpoint"]["properties"]["request_id"]["description"] = (
        "The same again changes nothing, and answers the same."
    )
    return found


def _plain(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same fields, in types that a schema can be made of."""
    rows: list[Any] = []
    for field in msgspec.structs.fields(shape):
        kind = Any if (shape.__name__, field.name) in RAW else field.type
        rows.append((field.name, kind) if field.required else (field.name, kind, None))
    return msgspec.defstruct(shape.__name__, rows, forbid_unknown_fields=True)


def _picture() -> dict[str, Schema]:
    return _targets() | _house() | _devices()


def _targets() -> dict[str, Schema]:
    edges = {"lo": NUMBER, "hi": NUMBER, "lo_by": text("The rule that binds there, or `rating`."), "hi_by": TEXT}
    edges |= {"lo_why": TEXT, "hi_why": TEXT, "empty_by": text('The rule that left nothing, or "".')}
    until = maybe(SECONDS, "For how much longer, where time alone decides.")
    edges |= {"lo_for_s": until, "hi_for_s": until}
    bands = listed(listed(NUMBER), "Open intervals that the device cannot do.")
    positions = listed(TEXT, "The names of a changeover's positions.")
    rating = fields({"lo": NUMBER, "hi": NUMBER, "step": NUMBER, "safe": NUMBER, "forbidden": bands})
    lease = {"target": TEXT, "holder": TEXT, "kind": TEXT, "value": NUMBER, "unit": UNIT, "expires_in_s": SECONDS}
    target = {"unit": UNIT, "output": VALUE, "wanted_by": text("In whose name it is told that.")}
    target |= {"envelope": ref("Envelope"), "lease": maybe(ref("Lease")), "planned": maybe(ref("Lease"))}
    target |= {"relaxes_in_s": maybe(SECONDS), "hunting": FLAG, "rating": rating, "contactor": FLAG}
    target |= {"positions": positions, "position": maybe(TEXT)}
    target |= {"silence": text("What the device does by itself when we are dead.")}
    return {
        "Envelope": fields(edges, None, "What may be asked now, and the rule that binds at each edge."),
        "OneEnvelope": fields({"id": TEXT, "unit": UNIT} | edges | {"forbidden": bands, "positions": positions}),
        "Lease": fields(lease, {"starts_in_s": SECONDS}, "Who holds a target, with what value, for how much longer."),
        "Target": fields(target),
        "OneTarget": fields({"id": TEXT} | target),
        "Targets": fields({"targets": mapped(ref("Target"), "By id.")}),
    }


def _house() -> dict[str, Schema]:
    trip = {"rule": TEXT, "why": TEXT, "answer": TEXT, "latched": text(enum=["", "nuisance", "danger"])}
    guardian = {"connected": FLAG, "snapshot_age_s": maybe(SECONDS)}
    alive = {"trouble": TEXT, "cycle": WHOLE, "cycle_ms": WHOLE, "digest": TEXT}
    state = {"guardian": fields(guardian, alive), "house": ref("House"), "machines": listed(ref("Machine"))}
    state |= {"readings": mapped(ref("Reading"), "By signal."), "targets": mapped(ref("Target"), "By id.")}
    state |= {"trips": listed(ref("Trip"), "The rows that act now."), "buses": listed(ref("Bus"))}
    state |= {"events": listed(ref("StateEvent"), "The last ones, the newest last.")}
    site = {"site": TEXT, "simulated": FLAG, "observe": FLAG}
    whole = "Everything. Without a fresh picture the mode is `unknown` and the lists are empty."
    return {
        "State": fields(state, site, whole),
        "House": fields({"mode": TEXT, "for_s": maybe(SECONDS), "since": maybe(TIME)}),
        "Trip": fields(trip | {"for_s": SECONDS}, {"challenge": text("What an installer signs."), "trips": WHOLE}),
        "Bus": fields({"name": TEXT, "connected": FLAG, "link": TEXT, "detail": TEXT}),
        "StateEvent": fields({"ago_s": SECONDS, "kind": TEXT, "subject": TEXT, "text": TEXT}),
    }


def _devices() -> dict[str, Schema]:
    reading = {"value": VALUE, "unit": UNIT, "age_s": maybe(SECONDS)}
    reading |= {"quality": text(enum=["good", "suspect", "stale", "invalid", "missing"])}
    worn = {"why": text("Why it does not go on."), "closings": WHOLE, "openings_under_current": WHOLE}
    device = {"family": maybe(TEXT), "bus": maybe(TEXT), "observe": maybe(FLAG), "machines": listed(ref("Machine"))}
    device |= {"readings": mapped(ref("Reading"), "By signal."), "targets": listed(TEXT, "Their ids.")}
    return {
        "Machine": fields({"id": TEXT, "kind": TEXT, "state": TEXT, "for_s": SECONDS}, worn),
        "Reading": fields(reading, {"name": text("The name of a code.")}),
        "Device": fields(device),
        "OneDevice": fields({"name": TEXT} | device),
        "Devices": fields({"devices": mapped(ref("Device"), "By name.")}),
    }


def _records() -> dict[str, Schema]:
    event = {"id": ID, "time": TIME, "ago_s": SECONDS, "kind": TEXT, "subject": TEXT, "text": TEXT}
    event |= {"missed_before": WHOLE | {"description": "How many are known to be missing right before it."}}
    event |= {"new_run": FLAG | {"description": "The guardian was started again right before it."}}
    length = maybe(SECONDS)
    asked = {"value": VALUE, "unit": maybe(TEXT), "kind": maybe(TEXT), "duration_s": length, "starts_in_s": length}
    decision = {"id": ID, "time": TIME, "ago_s": SECONDS, "via": text(enum=["http", "mqtt"])}
    decision |= {"verb": text(enum=["set", "renew", "release", "stop", "heartbeat", "acknowledge"])}
    decision |= {"rule": maybe(TEXT), "identity": maybe(TEXT), "target": maybe(TEXT), "asked": maybe(ref("Asked"))}
    decision |= {"dry_run": FLAG, "verdict": TEXT, "value": VALUE, "unit": maybe(TEXT)}
    decision |= {"clauses": listed(ref("Clause")), "text": text("One sentence.")}
    page = {"next": text("Give it as `after` for what comes next."), "more": FLAG}
    page |= {"missed": FLAG | {"description": "Something between `after` and the end of this page is kept no more."}}
    now = {"id": TEXT, "unit": UNIT, "output": VALUE, "position": maybe(TEXT), "wanted_by": TEXT}
    now |= {"lease": maybe(ref("Lease")), "planned": maybe(ref("Lease")), "hunting": FLAG, "envelope": ref("Envelope")}
    why = now | {"relaxes_in_s": maybe(SECONDS), "house": ref("House"), "trips": listed(ref("Trip"))}
    why |= {"machines": listed(ref("Machine")), "decisions": listed(ref("Decision")), "events": listed(ref("Event"))}
    why |= {"clears": listed(TEXT), "can": listed(TEXT), "text": text("The same in plain sentences.")}
    return {
        "Event": fields(event),
        "Events": fields({"events": listed(ref("Event"), "The newest last.")} | page),
        "Asked": fields(asked),
        "Decision": fields(decision, None, "Who asked for what, and what he got."),
        "Decisions": fields({"decisions": listed(ref("Decision"), "The newest last.")} | page),
        "Why": fields(why, None, "What it does, in whose name, what binds, what ends that, what can be done."),
    }


def _answers() -> dict[str, Schema]:
    saw = fields({"signal": TEXT, "value": TEXT})
    effect = text(enum=["permits", "clips", "refuses", "notes"])
    clause = {"rule": TEXT, "effect": effect, "text": TEXT, "saw": listed(saw)}
    answer = {"verdict": text(enum=["granted", "clipped", "refused", "done"]), "value": VALUE, "unit": maybe(TEXT)}
    answer |= {
        "lease": maybe(ref("Lease")),
        "request_id": TEXT,
        "clauses": listed(ref("Clause"), "The ordered reasons."),
    }
    error = {"code": text("Stable, for programs."), "message": text("For people."), "remedy": text("What to do now.")}
    who = {"name": TEXT, "role": TEXT, "shared": FLAG, "mqtt": FLAG, "holds": listed(TEXT, "The targets it holds.")}
    who |= {"rate": fields({"writes_per_s": WHOLE, "burst": WHOLE})}
    return {
        "Clause": fields(clause),
        "Answer": fields(answer, None, "The guardian's decision."),
        "Acknowledged": fields({"rule": TEXT, "verdict": TEXT, "clauses": listed(ref("Clause"))}),
        "Health": fields({"healthy": {"const": True}}),
        "Denials": fields(
            {"totals": {"type": "object", "additionalProperties": WHOLE}, "recent": listed(ref("Denial"))},
            None,
            "Totals by reason since the gateway started, and who it was; the newest last.",
        ),
        "Denial": fields(
            {"ago_s": SECONDS, "began_ago_s": SECONDS, "reason": TEXT, "where": TEXT, "who": TEXT, "what": TEXT}
            | {"count": WHOLE}
        ),
        "Identity": fields(who),
        "Error": fields({"error": fields(error)}, None, "The one shape of every error."),
    }
