"""The steps of a walk on pictures that a hand makes: contacts, time-outs, and what is never said (H28)."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.walk import amounts
from supervisor.walk.look import Look, look
from supervisor.walk.step import LoadStep, Step, Wish
from supervisor.walk.survey import Contact, Group, Load, Place, Positions, Row, Survey
from supervisor.walk.switches import ContactStep, PlaceStep

STEP_MS = 500
METER = Group(
    "house", "circuits.house", tuple(Place(f"L{n}", f"meter.current_l{n}", f"meter.power_l{n}") for n in (1, 2, 3))
)
BOX = Load("box.current", True, 6.0, 1.0, (Row("house", ("box.current_l1", "", "")),))
COILS = tuple(
    Contact(f"relays.coil_{n}", ((f"relays.contact_{n}", 1.0),), ((f"relays.contact_{n}", 0.0),), True, "", True)
    for n in (1, 2)
)
HOUSE = Survey((METER,), (BOX,), COILS, (), (("meter", "m"), ("box", "b")), frozenset({"box"}), ("house",))
World = Callable[[dict[str, float], int], dict[str, float]]


def play(step: Step, world: World, longest_ms: int = 600_000, **told: str) -> list[Wish]:
    """Run a step against a world that answers to what is told, until it is done."""
    orders: dict[str, float] = {}
    wishes: list[Wish] = []
    now_ms = 0
    while not step.done and now_ms < longest_ms:
        outputs = {"box.current": 0.0, "relays.coil_1": 0.0, "relays.coil_2": 0.0} | orders
        for wish in step.turn(now_ms, Look("normal", world(orders, now_ms), outputs=outputs)):
            wishes.append(wish)
            if "verdict" in told:
                step.told(told["verdict"], told["text"])
            elif wish.value is None:
                orders.pop(wish.target, None)
            else:
                orders[wish.target] = wish.value
        now_ms += STEP_MS
    assert step.done, step.says
    return wishes


def contacts(answers: dict[str, str]) -> World:
    """Each coil moves the contact that ``answers`` names."""

    def world(orders: dict[str, float], _: int) -> dict[str, float]:
        shown = {f"relays.contact_{n}": 0.0 for n in (1, 2)}
        return shown | {answers[coil]: 1.0 for coil, value in orders.items() if value == 1 and coil in answers}

    return world


def test_a_contact_that_answers_for_its_own_coil_is_proven() -> None:
    step = ContactStep(HOUSE, COILS[0])
    wishes = play(step, contacts({"relays.coil_1": "relays.contact_1"}))
    assert (step.wrong, step.unproven) == ([], "")
    assert wishes == [Wish("relays.coil_1", 1.0), Wish("relays.coil_1", None)]


def test_a_contact_that_answers_for_another_coil_is_named() -> None:
    step = ContactStep(HOUSE, COILS[0])
    wishes = play(step, contacts({"relays.coil_1": "relays.contact_2"}))
    assert len(step.wrong) == 1
    assert "its own contact does not answer, and the contact of relays.coil_2 does" in step.wrong[0]
    assert wishes[-1] == Wish("relays.coil_1", None)


def test_a_contact_that_is_closed_already_is_not_moved() -> None:
    step = ContactStep(HOUSE, COILS[0])
    assert play(step, lambda _, __: {"relays.contact_1": 1.0, "relays.contact_2": 0.0}) == []
    assert "welded" in step.wrong[0]


def test_a_refused_contactor_is_not_proven_and_not_wrong() -> None:
    step = ContactStep(HOUSE, COILS[0])
    play(step, contacts({}), verdict="refused", text="interlock refuses: not now")
    assert step.wrong == []
    assert "interlock refuses: not now" in step.unproven


def test_a_position_whose_contacts_say_something_else_is_wrong() -> None:
    places = (("open", ()), ("one", ("relays.coil_1",)))
    changeover = Positions("phases", "phases.position", places, ("relays.coil_1", "relays.coil_2"), False, 0)
    step = PlaceStep(HOUSE, changeover, 1, moved=False)
    shown = {"relays.contact_1": 0.0, "relays.contact_2": 1.0}
    now = Look("normal", shown, outputs={"phases.position": 1.0}, machines={"phases": "resting"})
    now_ms = 0
    while not step.done:
        assert list(step.turn(now_ms, now)) == []
        now_ms += STEP_MS
    assert [text.split(" is ")[0] for text in step.wrong] == ["relays.coil_1", "relays.coil_2"]


# ---- loads -----------------------------------------------------------------------------------------------------------
def drawing(orders: dict[str, float], _: int) -> dict[str, float]:
    ampere = orders.get("box.current", 0.0)
    base = dict.fromkeys(("meter.current_l1", "meter.current_l2", "meter.current_l3"), 2.0)
    powers = {f"meter.power_l{n}": 460.0 + 230 * ampere * (n == 1) for n in (1, 2, 3)}
    return base | powers | {"meter.current_l1": 2.0 + ampere, "box.current_l1": ampere}


def test_a_load_is_moved_once_and_given_back_before_it_is_judged() -> None:
    step = LoadStep(HOUSE, BOX)
    assert play(step, drawing) == [Wish("box.current", 6.0), Wish("box.current", None)]
    assert step.evidence is not None
    assert step.evidence.delta("meter.current_l1") == 6.0


def test_every_wait_has_an_end() -> None:
    """A world that never does what it should: each load is given back, and is not proven."""

    def dead(_: dict[str, float], __: int) -> dict[str, float]:
        return drawing({}, 0)

    def restless(orders: dict[str, float], now_ms: int) -> dict[str, float]:
        return drawing(orders, 0) | {"meter.current_l2": float(now_ms // STEP_MS % 9)}

    seen: set[str] = set()

    def stays(orders: dict[str, float], now_ms: int) -> dict[str, float]:
        seen.update(orders)
        return drawing({"box.current": 6.0} if seen else orders, now_ms)

    for world in (dead, stays):
        step = LoadStep(HOUSE, BOX)
        assert play(step, world)[-1] == Wish("box.current", None)
        assert step.unproven
        assert step.evidence is None
    step = LoadStep(HOUSE, BOX)
    assert play(step, restless)[-1] == Wish("box.current", None)
    assert step.evidence is not None
    assert step.evidence.restless == ("house",)


def test_a_load_that_somebody_else_holds_is_left_alone() -> None:
    step = LoadStep(HOUSE, BOX)
    held = Look("normal", drawing({}, 0), outputs={"box.current": 0.0}, holders={"box.current": "optimiser"})
    wishes = [wish for now_ms in range(0, amounts.BEFORE_MS + 1_000, STEP_MS) for wish in step.turn(now_ms, held)]
    assert wishes == []
    assert "optimiser holds it" in step.unproven


def test_a_reading_that_is_doubtful_or_old_is_no_reading() -> None:
    def said(**other: object) -> dict[str, object]:
        return {"value": 5, "unit": "A", "age_s": 0.1, "quality": "good"} | other

    readings = {"a.x": said(), "a.old": said(age_s=11), "a.bad": said(quality="suspect"), "a.none": said(value=None)}
    state = {"house": {"mode": "normal"}, "readings": readings, "targets": {}, "machines": [], "trips": []}
    assert look(state).values == {"a.x": 5.0}
