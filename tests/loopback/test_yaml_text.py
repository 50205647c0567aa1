"""Scalars are put into a YAML text, and nothing else of it changes."""

from __future__ import annotations

import pytest

from hil.bench.yaml_text import Document
from hil.unix_socket import RigError

TEXT = """\
gateway:
  mqtt:
    host: broker.example   # ours
    tls:
    port: 8883
    why: |
      two
      lines
    flow: {a: 1, b: "two"}
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("host", "127.0.0.1", "host: broker.example   # ours", "host: 127.0.0.1   # ours"),
        ("tls", "false", "tls:\n", "tls: false\n"),
        ("why", "none", "why: |\n      two\n      lines\n", "why: none\n"),
        ("more", "1", "    host:", "    more: 1\n    host:"),
    ],
)
def test_a_value_is_put_and_every_other_letter_stays(key: str, value: str, old: str, new: str) -> None:
    found = Document("site.yaml", TEXT).put(("gateway", "mqtt", key), value)
    assert TEXT.count(old) == 1
    assert found.text == TEXT.replace(old, new)


def test_values_in_flow_style_are_put_and_added() -> None:
    place = ("gateway", "mqtt", "flow")
    found = Document("site.yaml", TEXT).put((*place, "b"), "3").put((*place, "c"), "4")
    assert "flow: {c: 4, a: 1, b: 3}" in found.text


def test_a_place_that_is_in_no_mapping_is_an_error_with_its_line() -> None:
    with pytest.raises(RigError, match=r"site.yaml:5: gateway.mqtt.port.low: cannot be put there"):
        Document("site.yaml", TEXT).put(("gateway", "mqtt", "port", "low"), "1")
