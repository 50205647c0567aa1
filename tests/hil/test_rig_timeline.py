"""The time line: what was recorded stands in the picture, and only what moved."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hil.timeline import Moment, draw
from hil.unix_socket import RigError


def moments() -> list[Moment]:
    closed = [(False, True), (True, True), (True, True)]
    return [
        {
            "t": float(t),
            "power": {"car L1": 1000 * t, "grid L1": -500},
            "closed": {"relays 1": one, "relays 2": two},
            "state": {"house": "normal" if t < 2 else "degraded"},
        }
        for t, (one, two) in enumerate(closed)
    ]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def hints(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]


def test_powers_moving_contacts_and_states_have_their_places() -> None:
    svg = draw(moments(), "A <house>", ["car L1", "grid L1"], ["house"])
    assert {"A <house>", "car L1", "grid L1", "relays 1", "house", "2 kW", "-0.5 kW"} <= set(texts(svg))
    assert "relays 2" not in texts(svg)  # it never moved
    assert hints(svg) == [
        "relays 1: False from 0.0 s to 1.0 s",
        "relays 1: True from 1.0 s to 2.0 s",
        "house: normal from 0.0 s to 2.0 s",
        "house: degraded from 2.0 s to 2.0 s",
    ]


def test_a_single_moment_is_no_time_line() -> None:
    with pytest.raises(RigError, match="record for longer"):
        draw(moments()[:1], "", ["car L1"], [])
