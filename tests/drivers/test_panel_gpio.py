"""The panel: what a level means, when it counts, and what keeps the permit alive. Levels are written out by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest

from drivers.contract import (
    Defect,
    DefectKind,
    Direction,
    Driver,
    Heard,
    Line,
    Pull,
    Sample,
    SilenceKind,
    WriteLines,
)
from drivers.panel_gpio import FAMILY
from supervisor.kernel.signal import Quality

STEP_MS = 10
COIL = "k1=23 coil active_low proof=aux_1"
AUX = "aux_1=19 contact nc"


def options(inputs: str, outputs: str = "", **others: int) -> dict[str, int | bool | str]:
    return {"inputs": inputs, "outputs": outputs, "debounce_ms": 30, "permit_ms": 0, **others}


def panel(inputs: str, outputs: str = "", **others: int) -> Driver:
    return FAMILY.build(options(inputs, outputs, **others), bytes(32))


def look(driver: Driver, levels: dict[int, int], first_ms: int, last_ms: int) -> list[tuple[int, Heard]]:
    """What is heard, and when, of the same levels every 10 ms."""
    times = range(first_ms, last_ms + 1, STEP_MS)
    return [(at_ms, item) for at_ms in times for item in driver.on_lines(levels, at_ms)]


def say(driver: Driver, now_ms: int, **outputs: int) -> dict[int, int] | None:
    """The levels that an image drives; None: nothing."""
    asks = list(driver.say(outputs, now_ms))
    if not asks:
        return None
    (ask,) = asks
    assert isinstance(ask, WriteLines)
    return dict(ask.levels)


# ---- what a level means -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "pull", "low", "high"),
    [
        ("button", Pull.UP, 1, 0),
        ("button no", Pull.UP, 1, 0),
        ("button nc", Pull.UP, 0, 1),
        ("button active_low", Pull.UP, 1, 0),
        ("button active_high", Pull.DOWN, 0, 1),
        ("button nc active_high", Pull.DOWN, 1, 0),
        ("button active_high nc", Pull.DOWN, 1, 0),
        ("key", Pull.UP, 1, 0),
        ("key active_high", Pull.DOWN, 0, 1),
        ("stop nc", Pull.UP, 0, 1),
        ("stop nc active_high", Pull.DOWN, 1, 0),
        ("contact", Pull.UP, 1, 0),
        ("contact nc", Pull.UP, 0, 1),
        ("contact nc active_high", Pull.DOWN, 1, 0),
    ],
)
def test_each_kind_of_switch_at_both_levels(words: str, pull: Pull, low: int, high: int) -> None:
    assert FAMILY.lines(options(f"x=7 {words}")) == (Line(7, Direction.IN, pull),)
    assert look(panel(f"x=7 {words}"), {7: 0}, 0, 30) == [(30, Sample("x", low))]
    assert look(panel(f"x=7 {words}"), {7: 1}, 0, 30) == [(30, Sample("x", high))]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("button", {0: "released", 1: "pressed"}),
        ("key", {0: "off", 1: "on"}),
        ("stop nc", {0: "clear", 1: "pressed"}),
        ("contact", {0: "open", 1: "closed"}),
    ],
)
def test_codes_have_names_and_make_the_device_seen(kind: str, names: dict[int, str]) -> None:
    (signal,) = FAMILY.shape(options(f"x=7 {kind}")).signals
    assert dict(signal.codes) == names
    assert (signal.lo, signal.hi, signal.max_age_ms, signal.core) == (0, 1, 500, True)


@pytest.mark.parametrize(("words", "pulled"), [("", 1), ("active_high", 0)])
def test_a_broken_wire_reads_as_a_pressed_stop_and_as_a_closed_main_contact(words: str, pulled: int) -> None:
    driver = panel(f"estop=5 stop nc {words}, aux_1=19 contact nc {words}")
    heard = [item for _, item in look(driver, {5: pulled, 19: pulled}, 0, 30)]
    assert heard == [Sample("estop", 1), Sample("aux_1", 1)]


# ---- when a level counts ------------------------------------------------------------------------------------------
def test_a_level_counts_when_it_was_the_same_for_the_debounce_time_and_not_a_sample_earlier() -> None:
    driver = panel("b=7 button", debounce_ms=50)
    assert look(driver, {7: 1}, 1_000, 1_040) == []
    assert look(driver, {7: 1}, 1_050, 1_050) == [(1_050, Sample("b", 0))]
    assert look(driver, {7: 0}, 1_060, 1_100) == []
    assert look(driver, {7: 0}, 1_110, 1_110) == [(1_110, Sample("b", 1))]


def test_without_debouncing_the_first_sample_counts() -> None:
    driver = panel("b=7 button", debounce_ms=0)
    assert look(driver, {7: 0}, 0, 0) == [(0, Sample("b", 1))]
    assert look(driver, {7: 1}, 10, 10) == [(10, Sample("b", 0))]
    for now_ms in range(20, 5_000, 10):
        assert not [item for item in driver.on_lines({7: now_ms // 10 % 2}, now_ms) if isinstance(item, Defect)]


def test_a_glitch_of_one_sample_is_never_told_and_starts_the_waiting_anew() -> None:
    driver = panel("b=7 button")
    look(driver, {7: 1}, 0, 30)
    assert look(driver, {7: 0}, 40, 60) == []
    assert look(driver, {7: 1}, 70, 90) == []
    assert look(driver, {7: 0}, 100, 120) == []
    assert look(driver, {7: 0}, 130, 130) == [(130, Sample("b", 1))]


def test_samples_that_are_far_apart_are_not_consecutive() -> None:
    driver = panel("b=7 button")
    look(driver, {7: 0}, 0, 30)
    assert look(driver, {7: 0}, 5_000, 5_020) == []
    assert look(driver, {7: 0}, 5_030, 5_030) == [(5_030, Sample("b", 1))]
    assert [driver.on_lines({7: 1}, now_ms) for now_ms in range(6_000, 9_000, 101)] == [()] * 30


@pytest.mark.parametrize("step_ms", [10, 15, 20])
def test_a_steady_level_is_told_at_least_every_100_ms_and_not_with_every_sample(step_ms: int) -> None:
    driver = panel("b=7 button")
    told = [now_ms for now_ms in range(0, 3_000, step_ms) if driver.on_lines({7: 0}, now_ms)]
    gaps = [later - earlier for earlier, later in pairwise(told)]
    assert max(gaps) <= 100
    assert min(gaps) >= 50
    assert told[-1] >= 2_900


def test_a_line_that_chatters_has_no_value_and_heals() -> None:
    driver = panel("b=7 button")
    look(driver, {7: 1}, 0, 30)
    heard = [(at, item) for at in range(40, 700, 10) for item in driver.on_lines({7: at // 10 % 2}, at)]
    assert not [item for at, item in heard if at <= 340]
    assert heard[:2] == [(350, Defect(DefectKind.GARBAGE, "b: line 7")), (350, Sample("b", None, Quality.INVALID))]
    assert {at for at, _ in heard} == {350, 430, 510, 590, 670}
    assert len(heard) == 10
    assert look(driver, {7: 0}, 700, 720) == []
    assert look(driver, {7: 0}, 730, 730) == [(730, Sample("b", 1))]


def test_chatter_from_the_start_is_never_a_value() -> None:
    driver = panel("b=7 button", debounce_ms=20)
    heard = [item for at in range(0, 1_000, 10) for item in driver.on_lines({7: at // 10 % 2}, at)]
    assert {item.quality for item in heard if isinstance(item, Sample)} == {Quality.INVALID}


def test_chatter_that_ends_in_the_old_level_is_told_at_once_when_it_had_lost_its_value() -> None:
    driver = panel("b=7 button")
    look(driver, {7: 1}, 0, 30)
    for at_ms in range(40, 361, 10):
        driver.on_lines({7: at_ms // 10 % 2}, at_ms)
    assert look(driver, {7: 1}, 370, 400) == [(400, Sample("b", 0))]


@pytest.mark.parametrize("broken", [{}, {7: 2}, {8: 0}])
def test_a_line_that_cannot_be_read_loses_its_value_at_once_and_waits_again(broken: dict[int, int]) -> None:
    driver = panel("b=7 button")
    look(driver, {7: 0}, 0, 30)
    assert [item for _, item in look(driver, broken, 40, 60)] == [
        Defect(DefectKind.NOT_AVAILABLE, "b: line 7"),
        Sample("b", None, Quality.INVALID),
    ]
    assert look(driver, {7: 0}, 70, 90) == []
    assert look(driver, {7: 0}, 100, 100) == [(100, Sample("b", 1))]


def test_inputs_are_debounced_each_by_itself() -> None:
    driver = panel("a=5 button, b=7 button")
    heard = [(at, item) for at in range(0, 40, 10) for item in driver.on_lines({5: 0, 7: at // 10 % 2}, at)]
    assert heard == [(30, Sample("a", 1))]


# ---- outputs ------------------------------------------------------------------------------------------------------
def test_outputs_are_claimed_de_energised() -> None:
    lines = FAMILY.lines(options(AUX, f"permit=17 pulse, lamp=22 lamp active_low, horn=24 lamp, {COIL}"))
    assert {line.number: line.initial for line in lines if line.direction is Direction.OUT} == {
        17: 0, 22: 1, 24: 0, 23: 1
    }  # fmt: skip
    assert {line.pull for line in lines if line.direction is Direction.OUT} == {Pull.NONE}


def test_anything_but_one_is_off() -> None:
    for value in (0, 2, -1, 1000):
        assert say(panel(AUX, f"{COIL}, lamp=22 lamp"), 0, k1=value, lamp=value) == {23: 1, 22: 0}
    assert say(panel(AUX, f"{COIL}, lamp=22 lamp"), 0, k1=1, lamp=1) == {23: 0, 22: 1}


def test_only_what_changed_is_said_again() -> None:
    driver = panel(AUX, f"{COIL}, lamp=22 lamp")
    assert say(driver, 0, k1=1, lamp=0) == {23: 0, 22: 0}
    assert say(driver, 50, k1=1, lamp=0) is None
    assert say(driver, 10_000, k1=1, lamp=0) is None
    assert say(driver, 10_001, k1=0, lamp=0) == {23: 1, 22: 0}


def test_the_permit_moves_once_for_a_say_and_at_most_every_100_ms() -> None:
    driver = panel(AUX, f"permit=17 pulse, {COIL}", permit_ms=400)
    levels = [(now_ms, told[17]) for now_ms in range(0, 1_000, 50) if (told := say(driver, now_ms, k1=1))]
    assert levels == [(100 * n, (n + 1) % 2) for n in range(10)]
    assert say(driver, 950, k1=0) == {23: 1, 17: 0}, "a change of a coil alone does not move the permit"


def test_a_slow_cycle_moves_the_permit_once_for_each_word_and_never_makes_up_for_lost_ones() -> None:
    driver = panel(AUX, f"permit=17 pulse active_low, {COIL}", permit_ms=400)
    assert FAMILY.lines(options(AUX, f"permit=17 pulse active_low, {COIL}"))[1].initial == 1
    levels = [say(driver, now_ms, k1=1) for now_ms in (0, 1_000, 9_000, 9_050)]
    assert levels == [{23: 0, 17: 0}, {23: 0, 17: 1}, {23: 0, 17: 0}, None]


def test_neither_time_nor_levels_move_the_permit() -> None:
    driver = panel(AUX, f"permit=17 pulse, {COIL}", permit_ms=400)
    before = say(driver, 0, k1=1)
    for now_ms in range(10, 60_000, 10):
        assert tuple(driver.poll(now_ms)) == ()
        driver.on_lines({19: now_ms // 10 % 2, 17: now_ms // 20 % 2, 23: 1}, now_ms)
    assert before is not None
    after = say(driver, 60_000, k1=1)
    assert after is not None
    assert after[17] == 1 - before[17], "one word, one change"


def test_a_line_that_shows_another_level_is_told_again_and_counts() -> None:
    driver = panel(AUX, f"{COIL}, lamp=22 lamp")
    say(driver, 1_000, k1=0, lamp=1)
    heard = look(driver, {19: 0, 22: 1, 23: 0}, 1_010, 1_260)
    assert [(at, item) for at, item in heard if isinstance(item, Defect)] == [
        (1_050, Defect(DefectKind.READBACK, "k1")),
        (1_150, Defect(DefectKind.READBACK, "k1")),
        (1_250, Defect(DefectKind.READBACK, "k1")),
    ]
    assert say(driver, 1_270, k1=0, lamp=1) == {23: 1, 22: 1}
    assert not [item for _, item in look(driver, {19: 0, 22: 1, 23: 1}, 1_280, 1_900) if isinstance(item, Defect)]
    assert say(driver, 1_910, k1=0, lamp=1) is None


def test_outputs_that_are_not_read_are_no_contradiction() -> None:
    """As it is for a device in observe, whose outputs nobody claims."""
    driver = panel(AUX, COIL)
    say(driver, 0, k1=1)
    assert not [item for _, item in look(driver, {19: 1}, 10, 1_000) if isinstance(item, Defect)]
    assert say(driver, 1_010, k1=1) is None


def test_the_level_of_a_coil_proves_nothing() -> None:
    driver = panel(AUX, COIL)
    say(driver, 0, k1=1)
    assert [item for _, item in look(driver, {19: 0, 23: 0}, 10, 40)] == [Sample("aux_1", 0)]


# ---- what is declared ---------------------------------------------------------------------------------------------
def test_a_coil_is_a_contactor_that_its_mirror_contact_proves() -> None:
    shape = FAMILY.shape(options(AUX, f"permit=17 pulse, lamp=22 lamp, {COIL}", permit_ms=700, debounce_ms=40))
    lamp, coil = shape.outputs
    assert (lamp.name, lamp.contactor, lamp.readback, lamp.silence.kind) == ("lamp", False, None, SilenceKind.NONE)
    assert (coil.name, coil.contactor, coil.readback, coil.travel_ms) == ("k1", True, "aux_1", 150)
    assert (coil.silence.kind, coil.silence.after_ms) == (SilenceKind.REVERTS_SAFE, 700)
    assert coil.readback_ms is not None
    assert coil.readback_ms >= 150 + 40 + 10
    assert all((output.lo, output.hi, output.safe) == (0, 1, 0) for output in shape.outputs)


@pytest.mark.parametrize("outputs", [COIL, f"permit=17 pulse, {COIL}"])
def test_without_a_permit_or_its_time_a_coil_keeps_its_level_for_ever(outputs: str) -> None:
    (coil,) = FAMILY.shape(options(AUX, outputs)).outputs
    assert (coil.silence.kind, coil.silence.after_ms) == (SilenceKind.NONE, None)


@pytest.mark.parametrize(
    ("inputs", "outputs", "piece", "remedy"),
    [
        ("", "", "inputs", "name at least one line"),
        ("estop=5 stop", "", "'estop=5 stop'", "write 'nc'"),
        ("estop=5 stop no", "", "'estop=5 stop no'", "a broken wire reads as pressed"),
        ("estop=5 stop nc no", "", "says both nc and no", "keep one"),
        ("b=5 button active_low active_high", "", "'b=5 button active_low active_high'", "keep one"),
        ("b=5 buton", "", "no kind 'buton'", "use one of button, key, stop, contact"),
        ("b=5 lamp", "", "no kind 'lamp' among inputs", "button"),
        ("b=5", "", "'b=5'", "name=number kind"),
        ("b=x button", "", "'b=x button'", "name=number kind"),
        ("b = 5 button", "", "'b = 5 button'", "no space around '='"),
        ("B=5 button", "", "'B=5 button'", "small letter"),
        ("b=54 button", "", "no line 54", "from 0 to 53"),
        ("b=-1 button", "", "'b=-1 button'", "name=number kind"),
        ("b=5 button,", "", "''", "commas"),
        ("b=5 button; c=6 button", "", "'b=5 button; c=6 button'", "'button;'"),
        ("b=5 button pull_up", "", "'pull_up' means nothing here", "no, nc, active_low, active_high"),
        ("b=5 button, b=6 button", "", "'b' is given twice", "its own"),
        ("b=5 button, c=5 key", "", "line 5 is already 'b'", "one thing"),
        ("b=5 button", "l=5 lamp", "outputs: 'l=5 lamp'", "line 5 is already 'b'"),
        ("b=5 button", "b=6 lamp", "outputs: 'b=6 lamp'", "'b' is given twice"),
        ("b=5 button", "l=6 lamp nc", "'nc' means nothing here", "active_high, active_low"),
        ("b=5 button", "k=6 coil", "'k=6 coil'", "proof=aux_1"),
        ("b=5 button", "k=6 coil proof=b", "'b' is no mirror contact", "contact nc"),
        ("a=5 contact", "k=6 coil proof=a", "'a' is no mirror contact", "contact nc"),
        ("a=5 contact no", "k=6 coil proof=a", "'a' is no mirror contact", "contact nc"),
        ("a=5 contact nc", "k=6 coil proof=x", "'x' is no mirror contact", "'x=19 contact nc'"),
        ("a=5 contact nc", "k=6 coil proof=a proof=a", "'k=6 coil proof=a proof=a'", "once"),
        ("a=5 contact nc", "k=6 coil proof=a, m=7 coil proof=a", "'m=7 coil proof=a'", "contact of its own"),
        ("a=5 contact nc", "l=6 lamp proof=a", "'l=6 lamp proof=a'", "leave it out"),
        ("a=5 contact nc", "p=6 pulse", "'p=6 pulse'", "add the coils"),
        ("a=5 contact nc", "p=6 pulse, q=7 pulse, l=8 lamp", "'q=7 pulse'", "one permit"),
    ],
)  # fmt: skip
def test_words_that_make_no_panel_are_refused_with_the_piece_and_the_remedy(
    inputs: str, outputs: str, piece: str, remedy: str
) -> None:
    for make in (FAMILY.shape, FAMILY.lines, lambda given: FAMILY.build(given, bytes(32))):
        with pytest.raises(ValueError, match=r"^(inputs|outputs): ") as refused:
            make(options(inputs, outputs))
        assert piece in str(refused.value)
        assert remedy in str(refused.value)


@pytest.mark.parametrize(
    ("outputs", "permit_ms", "says"),
    [(COIL, 400, "'permit=17 pulse'"), (f"permit=17 pulse, {COIL}", 299, "not within 300..25000")],
)
def test_a_permit_time_needs_a_permit_and_room_for_its_pulses(outputs: str, permit_ms: int, says: str) -> None:
    with pytest.raises(ValueError, match=r"^permit_ms: ") as refused:
        FAMILY.shape(options(AUX, outputs, permit_ms=permit_ms))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("number", "direction", "pull", "initial"),
    [
        (-1, Direction.IN, Pull.UP, None),
        (54, Direction.IN, Pull.UP, None),
        (5, Direction.IN, Pull.UP, 0),
        (5, Direction.OUT, Pull.NONE, None),
        (5, Direction.OUT, Pull.NONE, 2),
        (5, Direction.OUT, Pull.UP, 1),
    ],
)
def test_a_line_that_nobody_could_claim_cannot_be_declared(
    number: int, direction: Direction, pull: Pull, initial: int | None
) -> None:
    with pytest.raises(ValueError, match="this is no line"):
        Line(number, direction, pull, initial)
