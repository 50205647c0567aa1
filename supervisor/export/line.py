"""One line of InfluxDB's line protocol: ``measurement,tag=value field=value nanoseconds``.

Commas, spaces and equal signs of names are escaped, quotes and backslashes of texts; a line break in a text becomes a
space, so that a line is always one line. Source: InfluxDB 1.8, "Line protocol reference".
"""

from __future__ import annotations

from collections.abc import Mapping

Field = float | int | bool | str
_NAME = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\=", "\n": r"\ ", "\r": r"\ ", "\\": "/"})
_TEXT = str.maketrans({'"': r"\"", "\\": r"\\", "\n": " ", "\r": " "})


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, Field], at_ns: int) -> str:
    """Without its end. Empty tags are left out; ``fields`` must have one at least."""
    head = "".join(f",{name}={value.translate(_NAME)}" for name, value in sorted(tags.items()) if value)
    said = ",".join(f"{name}={_field(value)}" for name, value in fields.items())
    return f"{measurement}{head} {said} {at_ns}"


def _field(value: Field) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    return repr(value) if isinstance(value, float) else f'"{value.translate(_TEXT)}"'
