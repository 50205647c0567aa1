"""A simulator that lies about its own dead-man would make every product look good; the scenarios notice it."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_product import Planted, findings, plant

LIES = (
    Planted(
        "the node holds on for three times as long as its switch says",
        "hil/sim/relaynode_can.py",
        "    return RelayNode(name, options, now_ms)",
        "    return RelayNode(name, msgspec.structs.replace(options, drop_out_ms=24_000), now_ms)",
        "guardian_stopped",
        "not relays.closed[1]",
    ),
    Planted(
        "the node says that it has let go, and holds on",
        "hil/sim/relaynode_can.py",
        '            "closed": self._contactors.closed(),',
        '            "closed": [at and now_ms < self._drop_ms - 4_000 for at in self._contactors.closed()],',
        "words_and_flows",
        "not relays.closed[1] and",
    ),
)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name.replace(" ", "_"))
def test_a_simulator_that_lies_about_its_dead_man_is_noticed(lie: Planted, tmp_path: Path) -> None:
    failed = findings(plant(lie, tmp_path / "tree"), lie.caught_by, tmp_path / "out")
    assert any(lie.words in text for text in failed), failed
