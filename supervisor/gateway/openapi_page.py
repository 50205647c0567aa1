"""The description for people at GET /docs: one document made from openapi.py, without a script.

Rules
* Everything in it is escaped text, and its policy allows nothing but its own style.
* It is made once, at the first request.

This file must never need a resource from anywhere else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from html import escape
from typing import Any

import msgspec

from supervisor.gateway.openapi import description

STYLE = """
:root{color-scheme:light dark}
body{margin:0 auto;max-width:60rem;padding:1rem;font:16px/1.5 system-ui,sans-serif}
h2{margin:2.2rem 0 .3rem;font-size:1.15rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
td{border-top:1px solid #8886;padding:.2rem .6rem .2rem 0;vertical-align:top;overflow-wrap:anywhere}
code,pre{font:.9em ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
td:first-child{white-space:nowrap}summary{cursor:pointer}.soft{opacity:.7}
"""

Json = dict[str, Any]


@cache
def document() -> tuple[str, str]:
    """The page and its content security policy."""
    told = msgspec.json.decode(description())
    parts = [f"<h1>Powerwarden, HTTP API v{escape(told['info']['version'])}</h1>"]
    parts += [f"<p>{escape(line.removeprefix('* '))}</p>" for line in _points(told["info"]["description"])]
    parts.append('<p>For programs: <a href="/v1/openapi.json">/v1/openapi.json</a> (OpenAPI 3.1).</p>')
    named = told["components"]["responses"]
    for path, item in told["paths"].items():
        parts += [part for method, said in item.items() for part in _operation(method, path, said, named)]
    parts.append("<h1>Shapes</h1>")
    for name, schema in told["components"]["schemas"].items():
        parts += [f'<h2 id="{escape(name)}">{escape(name)}</h2>', f"<p>{escape(schema.get('description', ''))}</p>"]
        parts.append(
            _table((field, _type(of), of.get("description", "")) for field, of in schema["properties"].items())
        )
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Powerwarden API</title>'
    head += '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    html = f"{head}<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    return html, policy + "; frame-ancestors 'none'"


def _points(text: str) -> list[str]:
    """The introduction's paragraphs and points, each on one line."""
    return [" ".join(part.split()) for part in text.replace("\n* ", "\n\n* ").split("\n\n") if part.strip()]


def _operation(method: str, path: str, said: Json, named: Json) -> Iterable[str]:
    security = said["security"]
    who = "needs a token" if security and {} not in security else "a token where the site wants one" if security else ""
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(said['summary'])}"
    yield f"{f' <span class=soft>({who})</span>' if who else ''}</p><p>{escape(said.get('description', ''))}</p>"
    rows = [(p["name"], f"in the {p['in']}", p.get("description", "")) for p in said.get("parameters", ())]
    for media, content in said.get("requestBody", {}).get("content", {}).items():
        example = msgspec.json.encode(content["example"]).decode()
        rows.append(("body", f"{_type(content['schema'])} as {escape(media)}", example))
    yield _table(rows)
    yield "<details><summary>Answers</summary>"
    answers = {
        code: named.get(code, answer) if "$ref" in answer else answer for code, answer in said["responses"].items()
    }
    yield _table((code, _body(answer), answer["description"]) for code, answer in answers.items())
    yield "</details>"


def _body(answer: Json) -> str:
    return ", ".join(_type(content["schema"]) for content in answer.get("content", {}).values())


def _type(schema: Json) -> str:
    """A schema in a few words; a named one as a link."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return " | ".join(escape(str(one) or '""') for one in schema["enum"])
    for parts in (schema.get("oneOf"), schema.get("anyOf")):
        if parts:
            return " | ".join(_type(part) for part in parts)
    kind = schema.get("type", "any")
    words = " | ".join(kind) if isinstance(kind, list) else kind
    inner = schema.get("items") or schema.get("additionalProperties")
    return f"{words} of {_type(inner)}" if isinstance(inner, dict) else escape(words)


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Rows of name, type (which is markup already) and description."""
    cells = (f"<tr><td><code>{escape(a)}</code></td><td>{b}</td><td>{escape(c)}</td></tr>" for a, b, c in rows)
    return f"<table>{''.join(cells)}</table>"
