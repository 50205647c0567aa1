"""Whatever ends a walk, what it has asked for is given back; what the product holds back blames no wire (H28)."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from test_walk_steps import BOX, COILS, HOUSE, contacts, drawing, play

from supervisor.walk import amounts
from supervisor.walk.client import Client, WalkError
from supervisor.walk.look import Look
from supervisor.walk.main import ended_early
from supervisor.walk.step import LoadStep, Wish
from supervisor.walk.survey import _smallest_a
from supervisor.walk.switches import ContactStep

GRANTED = (200, {"verdict": "granted", "clauses": []})
REFUSED = (200, {"verdict": "refused", "clauses": []})


class Product(Client):
    """A product that answers ``puts`` by turns; an exception is what happens while it is asked."""

    def __init__(self, *puts: tuple[int, Any] | BaseException, dead: tuple[str, ...] = ()) -> None:
        super().__init__("http://127.0.0.1:1", "token")
        self.puts, self.dead = list(puts), dead
        self.released: list[str] = []

    def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        target = path.split("/")[3] if path.startswith("/v1/targets/") else ""
        if method == "PUT":
            answer = self.puts.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer
        if target in self.dead:
            raise WalkError("no answer")
        self.released.append(target)
        return GRANTED


class Says(Client):
    """A program that answers everything so."""

    def __init__(self, code: int, said: Any) -> None:
        super().__init__("http://127.0.0.1:1", "token")
        self._answer = code, said

    def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return self._answer


# ---- given back -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ends", [KeyboardInterrupt(), WalkError("no answer")])
def test_what_was_asked_for_is_given_back_also_when_its_answer_never_came(ends: BaseException) -> None:
    product = Product(ends)
    with pytest.raises(type(ends)):
        product.set("box.current", 6.0, "A", 0)
    product.release_all()
    assert product.released == ["box.current"]


def test_what_was_refused_is_not_held_and_what_was_held_before_stays_held() -> None:
    product = Product(REFUSED, GRANTED, REFUSED)
    product.set("box.current", 6.0, "A", 0)
    product.release_all()
    assert product.released == []
    product.set("box.current", 6.0, "A", 0)
    product.renew(amounts.RENEW_MS)
    product.release_all()
    assert product.released == ["box.current"]


def test_one_target_that_cannot_be_given_back_does_not_keep_the_others_and_is_named() -> None:
    product = Product(GRANTED, GRANTED, GRANTED, dead=("b",))
    for target in ("a", "b", "c"):
        product.set(target, 6.0, "A", 0)
    with pytest.raises(WalkError, match=r"^not given back: b \(no answer\); it ends by itself 60 s after"):
        product.release_all()
    assert product.released == ["a", "c"]


def test_it_says_that_everything_was_given_back_only_when_it_was() -> None:
    product = Product(GRANTED)
    product.set("box.current", 6.0, "A", 0)
    assert "box.current was not given back, and ends by itself in 60 s" in ended_early(product.held)
    product.release_all()
    assert "everything was given back" in ended_early(product.held)


# ---- another program at that address --------------------------------------------------------------------------------
@pytest.mark.parametrize("said", [[], {}, "ok", None])
def test_another_program_is_told_from_powerwarden_and_named(said: Any) -> None:
    with pytest.raises(WalkError, match="not as Powerwarden does; name its gateway with --api"):
        Says(200, said).me()
    with pytest.raises(WalkError, match="not as Powerwarden does; name its gateway with --api"):
        Says(200, said).state()


def test_a_gateway_that_has_no_answer_says_so_itself() -> None:
    said = {"error": {"message": "the guardian is away", "remedy": "wait"}}
    with pytest.raises(WalkError, match="HTTP 503: the guardian is away; wait"):
        Says(503, said).state()


# ---- what the product holds back ------------------------------------------------------------------------------------
def contact_step(machine: str) -> tuple[ContactStep, list[Wish]]:
    """A contactor that was granted and is never told to close; its machine is in this state."""
    step, wishes, now_ms = ContactStep(HOUSE, COILS[0]), [], 0
    shown = {"relays.contact_1": 0.0, "relays.contact_2": 0.0}
    outputs = dict.fromkeys(("relays.coil_1", "relays.coil_2"), 0.0)
    now = Look("normal", shown, outputs=outputs, machines={"relays.coil_1": machine}, trips=("limits.smoke",))
    while not step.done:
        wishes += list(step.turn(now_ms, now))
        now_ms += 500
    return step, wishes


def test_a_contactor_that_a_rule_keeps_open_is_not_proven_and_its_wires_are_not_blamed() -> None:
    step, wishes = contact_step("open")
    assert step.wrong == []
    assert step.unproven.startswith("the product keeps it open: ")
    assert "limits.smoke act" in step.unproven
    assert wishes == [Wish("relays.coil_1", 1.0), Wish("relays.coil_1", None)]


def test_a_contactor_that_has_failed_before_anybody_could_look_is_wrong() -> None:
    step, _ = contact_step("failed_open")
    assert "no contact answers" in step.wrong[0]


def test_a_contact_that_somebody_else_has_closed_proves_nothing_of_its_coil() -> None:
    step, now_ms = ContactStep(HOUSE, COILS[0]), 0
    while not step.done:
        by_hand = 1.0 if 2_000 <= now_ms < 10_000 else 0.0
        shown = {"relays.contact_1": by_hand, "relays.contact_2": 0.0}
        list(step.turn(now_ms, Look("normal", shown, outputs={"relays.coil_1": 0.0})))
        now_ms += 500
    assert step.unproven.startswith("the product keeps it open")


def test_a_contact_that_answers_is_still_proven() -> None:
    step = ContactStep(HOUSE, COILS[0])
    play(step, contacts({"relays.coil_1": "relays.contact_1"}))
    assert (step.wrong, step.unproven) == ([], "")


def test_a_target_that_stands_within_its_own_step_has_not_been_taken_back() -> None:
    step = LoadStep(HOUSE, replace(BOX, value=6.1, step=0.1))
    orders = {"box.current": 0.0}
    now_ms = 0
    while not step.done:
        looked = Look("normal", drawing(orders, now_ms), outputs=dict(orders))
        for wish in step.turn(now_ms, looked):
            orders["box.current"] = 0.0 if wish.value is None else 6.1000000000000005  # as a sum of steps comes out
        now_ms += 500
    assert step.unproven == ""
    assert step.evidence is not None


@pytest.mark.parametrize(
    ("bands", "least"),
    [((), 6.0), (((0, 6_000),), 6.0), (((0, 8_000),), 8.0), (((0, 6_000), (13_000, 16_000)), 6.0)],
)
def test_a_load_is_raised_to_its_smallest_value_whatever_it_cannot_do_above_that(
    bands: tuple[tuple[int, int], ...], least: float
) -> None:
    assert _smallest_a(SimpleNamespace(bands=bands)) == least  # type: ignore[arg-type]  # nothing else is looked at
