"""Installers' keys, and what a limit says about its latch: what loads, and every slip with its line and its way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from loader_pages import boxes
from loader_slips import LIMITS, ROOT, SITE, Slip, copy_of_example, refused, slip

from supervisor.kernel.trip import Latch, Rule
from supervisor.loader.documents import DocumentError
from supervisor.loader.installers import PRIME, SMALL_ORDER
from supervisor.loader.load import load

ANNA, BEN = (
    Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)).public_key().public_bytes_raw().hex() for n in (1, 2)
)
GOOD = f"""
installers:
  anna: {{public_key: {ANNA}}}
  ben:
    public_key: {BEN}
"""
ROW = """
limits:
  warm:
    when: battery.soc below 20 %
    hold: 5 s
    clear: 1 min
    latch: nuisance
    recovers_after: 30 min
    repeats: 3 in 24 h
    then: {wallbox.current: stop}
    why: it has been emptied too far
"""


def house(folder: Path, installers: str = GOOD, row: str = ROW) -> Path:
    site = copy_of_example(folder)
    with (site / SITE).open("a", encoding="utf-8") as file:
        file.write(installers)
    (site / "30-row.yaml").write_text(row, "utf-8")
    return site


def rule(folder: Path, row: str = ROW) -> Rule:
    return next(rule for rule in load(house(folder, row=row)).plan.rules if rule.id == "limits.warm")


# ---- what loads ----------------------------------------------------------------------------------------------------
def test_installers_load_by_name_and_the_plan_does_not_know_them(tmp_path: Path) -> None:
    found = load(house(tmp_path))
    assert found.installers == {"anna": ANNA, "ben": BEN}
    assert ANNA not in repr(found.plan)
    assert all("anna" not in identity.name for identity in found.plan.identities)


def test_a_site_without_installers_has_none(tmp_path: Path) -> None:
    assert load(copy_of_example(tmp_path)).installers == {}


def test_a_limit_says_when_it_recovers_and_how_often_is_too_often(tmp_path: Path) -> None:
    row = rule(tmp_path)
    assert (row.latch, row.recovers_ms, row.repeats, row.repeats_ms) == (Latch.NUISANCE, 1_800_000, 3, 86_400_000)


def test_without_these_words_it_does_not_recover_and_any_number_is_borne(tmp_path: Path) -> None:
    row = rule(tmp_path, ROW.replace("    recovers_after: 30 min\n    repeats: 3 in 24 h\n", ""))
    assert (row.latch, row.recovers_ms, row.repeats) == (Latch.NUISANCE, None, None)


def test_a_row_without_a_latch_may_become_one_by_repetition(tmp_path: Path) -> None:
    row = rule(tmp_path, ROW.replace("    latch: nuisance\n    recovers_after: 30 min\n", ""))
    assert (row.latch, row.repeats) == (Latch.NONE, 3)


# ---- slips ---------------------------------------------------------------------------------------------------------
NO_KEY = "is no Ed25519 public key of 64 hex digits"
ROWS = "30-row.yaml"
SLIPS = [
    slip("no key", SITE, f"anna: {{public_key: {ANNA}}}", "anna: {}", "'public_key' is missing", "ack --new-key FILE"),
    slip("a key that is too short", SITE, ANNA, ANNA[:-1], NO_KEY, "powerwarden ack --new-key FILE"),
    slip("a key in capitals", SITE, ANNA, ANNA.upper(), NO_KEY),
    slip("no hex", SITE, ANNA, "z" * 64, NO_KEY),
    slip("a private key", SITE, ANNA, "-----BEGIN PRIVATE KEY-----", NO_KEY),
    slip("the same key twice", SITE, f"public_key: {BEN}", f"public_key: {ANNA}", "another installer has the same key"),
    slip(
        "an unknown word",
        SITE,
        f"    public_key: {BEN}",
        f"    public_kay: {BEN}",
        "'public_key' is missing",
        at="  ben:",
    ),
    slip("a name that is none", SITE, "  anna:", "  Anna:", "'Anna' is no name"),
    slip(
        "it recovers without a latch",
        ROWS,
        "    latch: nuisance\n",
        "",
        "only a nuisance latch recovers",
        at="    recovers_after:",
    ),
    slip(
        "a danger latch that recovers",
        ROWS,
        "    latch: nuisance\n",
        "    latch: danger\n",
        "only a nuisance latch recovers by itself; this row's latch is 'danger'",
        at="    recovers_after:",
    ),
    slip(
        "it recovers before it clears",
        ROWS,
        "recovers_after: 30 min",
        "recovers_after: 30 s",
        "which takes 60 s ('clear')",
    ),
    slip("no unit", ROWS, "recovers_after: 30 min", "recovers_after: 30", "'30' has no unit"),
    slip("a month", ROWS, "recovers_after: 30 min", "recovers_after: 720 h", "is not within"),
    slip(
        "repeats without a time",
        ROWS,
        "repeats: 3 in 24 h",
        "repeats: 3",
        "is no count in a time; write for example '3 in 24 h'",
    ),
    slip("repeats without a count", ROWS, "repeats: 3 in 24 h", "repeats: in 24 h", "is no count in a time"),
    slip(
        "the first is too many",
        ROWS,
        "repeats: 3 in 24 h",
        "repeats: 1 in 24 h",
        "for the first trip write 'latch: danger'",
    ),
    slip("none is too many", ROWS, "repeats: 3 in 24 h", "repeats: 0 in 24 h", "0 is not within 2..20"),
    slip("a time without a unit", ROWS, "repeats: 3 in 24 h", "repeats: 3 in 24", "'24' has no unit"),
    slip("a second", ROWS, "repeats: 3 in 24 h", "repeats: 3 in 1 s", "is not within"),
    slip("a misspelt word", ROWS, "repeats:", "repeat:", "nobody knows 'repeat' here; did you mean 'repeats'?"),
]


@pytest.mark.parametrize("wrong", SLIPS)
def test_a_slip_is_refused_where_it_stands(wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(wrong, house(tmp_path), capsys)


def test_a_danger_latch_that_repeats_has_nothing_to_become(tmp_path: Path) -> None:
    row = ROW.replace("latch: nuisance", "latch: danger").replace("    recovers_after: 30 min\n", "")
    with pytest.raises(DocumentError, match="a danger latch at its first trip already"):
        rule(tmp_path, row)


def test_the_limits_of_the_example_latch_as_they_did(tmp_path: Path) -> None:
    """Nothing that was written before these words existed means anything else now."""
    plan = load(copy_of_example(tmp_path)).plan
    assert all(row.recovers_ms is None and row.repeats is None for row in plan.rules)
    assert "recovers_after" not in (copy_of_example(tmp_path / "again") / LIMITS).read_text("utf-8")


# ---- keys for which anybody can sign ---------------------------------------------------------------------------------
D = -121665 * pow(121666, -1, PRIME) % PRIME
Point = tuple[int, int]


def added(a: Point, b: Point) -> Point:
    """The addition of Ed25519's curve (RFC 8032, 5.1.4), on plain coordinates."""
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, PRIME) % PRIME
    return x, (y1 * y2 + x1 * x2) * pow(1 - t, -1, PRIME) % PRIME


def on_curve(y: int) -> Point | None:
    """A point with this y (RFC 8032, 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return (x, y) if x * x % PRIME == square else None


def test_the_points_of_small_order_are_those_that_the_curve_itself_has() -> None:
    """Eight times any point of the curve has the large order; what is left of it after that order is of order eight."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[int] = set()
    for y in range(2, 60):
        if (point := on_curve(y)) is not None:
            rest = (0, 1)
            for bit in bin(order)[2:]:
                rest = added(rest, rest)
                rest = added(rest, point) if bit == "1" else rest
            for _ in range(8):
                found.add(rest[1])
                rest = added(rest, rest)
    assert found == SMALL_ORDER


@pytest.mark.parametrize("y", sorted({*SMALL_ORDER, PRIME, PRIME + 1}))
@pytest.mark.parametrize("sign", [0, 1])
def test_a_key_for_which_anybody_can_sign_does_not_load(y: int, sign: int, tmp_path: Path) -> None:
    key = (y + (sign << 255)).to_bytes(32, "little").hex()
    with pytest.raises(DocumentError, match="anybody can sign for this key"):
        load(house(tmp_path, f"installers:\n  anna: {{public_key: {key}}}\n"))


def test_there_are_twenty_installers_at_most(tmp_path: Path) -> None:
    keys = [
        Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)).public_key().public_bytes_raw().hex() for n in range(21)
    ]
    text = "installers:\n" + "".join(f"  i{n}: {{public_key: {key}}}\n" for n, key in enumerate(keys))
    with pytest.raises(DocumentError, match="at most 20 installers"):
        load(house(tmp_path, text))


def test_the_boxes_of_the_page_are_a_house_that_loads(tmp_path: Path) -> None:
    site_part, policy = boxes(ROOT / "docs" / "latches.md")
    plan = load(house(tmp_path, site_part, policy)).plan
    assert any(rule.id == "limits.battery_emptied" and rule.repeats == 3 for rule in plan.rules)
