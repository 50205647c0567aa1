"""The grammar of questions: each form as the kernel's question that it becomes, and how several are joined."""

from __future__ import annotations

from itertools import product

import pytest

from supervisor.kernel.question import (
    NO,
    UNKNOWN,
    YES,
    AllOf,
    Answer,
    AnyOf,
    Disagree,
    Fresh,
    Is,
    Outside,
    Question,
    TooOld,
)
from supervisor.kernel.signal import MISSING, Quality, Reading, Signal, Unit
from supervisor.loader.documents import DocumentError, Item, parse
from supervisor.loader.questions import Named, Names, question

SIGNALS = [
    Signal("meter.current", Unit.CURRENT, 2_000, -100_000, 100_000),
    Signal("meter.voltage", Unit.VOLTAGE, 2_000, 0, 300_000),
    Signal("car.current", Unit.CURRENT, 3_000, 0, 63_000),
    Signal("car.state", Unit.CODE, 3_000, 0, 3),
    Signal("relay.permit", Unit.FLAG, 500, 0, 1),
    Signal("relay.alarms", Unit.CODE, 500, 0, 65_535),
]
CODES = {3: {0: "no_car", 2: "charging"}}
NAMES = Names(
    {signal.id: Named(i, signal, CODES.get(i, {})) for i, signal in enumerate(SIGNALS)},
    {"meter": ((0, 2_000), (1, 2_000)), "car": ((3, 3_000),)},
)
IMAGE = tuple(Reading(value, 0, Quality.GOOD) for value in (0, 230_000, 0, 0, 1, 0))


def read(text: str, names: Names = NAMES) -> Question:
    """The question in a line of YAML."""
    return question(parse(f"when: {text}", "here.yaml").need("when", ""), names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("meter.current above 35 A", Outside(0, 2_000, None, 35_000)),
        ("meter.current below -0.5 A", Outside(0, 2_000, -500, None)),
        ("meter.voltage outside 207 V .. 253 V", Outside(1, 2_000, 207_000, 253_000)),
        ("car.state is charging", Is(3, 3_000, 2)),
        ("car.state above 1", Outside(3, 3_000, None, 1)),
        ("relay.permit is on", Is(4, 500, 1)),
        ("relay.permit is open", Is(4, 500, 0)),
        ("relay.alarms is 0x10", Is(5, 500, 16)),
        ("meter.current older than 5 s", TooOld(0, 5_000)),
        (
            "meter.current differs from car.current by 2 A",
            Disagree(Outside(0, 2_000, None, None), Outside(2, 3_000, None, None), 2_000),
        ),
        ("meter unseen", AnyOf((TooOld(0, 2_000), TooOld(1, 2_000)))),
        ("meter seen", Fresh(((0, 2_000), (1, 2_000)))),
        ("'  car seen  '", Fresh(((3, 3_000),))),
    ],
)
def test_each_form_becomes_the_kernels_question(text: str, expected: Question) -> None:
    assert read(text) == expected


def test_every_age_is_the_signals_own_and_never_a_default() -> None:
    asked = [read("meter.current above 1 A"), read("car.current above 1 A")]
    assert [part.max_age_ms for part in asked if isinstance(part, Outside)] == [2_000, 3_000]


def test_a_boundary_belongs_to_what_is_allowed() -> None:
    at_edge = (Reading(35_000, 0, Quality.GOOD), *IMAGE[1:])
    beyond = (Reading(35_001, 0, Quality.GOOD), *IMAGE[1:])
    asked = read("meter.current above 35 A")
    assert (asked.ask(at_edge, 0), asked.ask(beyond, 0)) == (NO, YES)


def answering(answer: Answer) -> Reading:
    """A reading for which 'above 1 A' has this answer."""
    return MISSING if answer is UNKNOWN else Reading(5_000 if answer is YES else 0, 0, Quality.GOOD)


@pytest.mark.parametrize(("first", "second"), list(product(Answer, Answer)))
def test_joined_questions_answer_as_kleenes_logic_does(first: Answer, second: Answer) -> None:
    parts = "[meter.current above 1 A, car.current above 1 A]"
    image = (answering(first), IMAGE[1], answering(second), *IMAGE[3:])
    assert read(f"{{all of: {parts}}}").ask(image, 0) == min(first, second)
    assert read(f"{{any of: {parts}}}").ask(image, 0) == max(first, second)


def test_joined_questions_nest_and_keep_their_order() -> None:
    nested = read("{any of: [meter unseen, {all of: [car seen, car.state is no_car]}]}")
    assert nested == AnyOf((read("meter unseen"), AllOf((read("car seen"), read("car.state is no_car")))))
    assert nested.signals() == (0, 1, 3, 3)


def test_a_familys_own_facts_leave_the_device_out() -> None:
    own = Names(NAMES.signals, NAMES.core, prefix="car.")
    assert read("state is charging", own) == read("car.state is charging")
    assert read("meter.current above 1 A", own) == read("meter.current above 1 A")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("meter.current", "is no question; write for example"),
        ("meter.current above", "is no question"),
        ("above 3 A", "is no question"),
        ("''", "is no question"),
        ("meter.current  above 3 A", "is no question"),
        ("meter.current above 3 A and car seen", "is not a quantity|does not fit"),
        ("meter.current above 3 V", "the unit 'V' does not fit"),
        ("meter.curent above 3 A", r"there is no signal 'meter\.curent'; did you mean 'meter\.current'"),
        ("current above 3 A", "there is no signal 'current'"),
        ("bike unseen", "there is no device 'bike'; known here: car, meter"),
        ("car.state is charing", r"car\.state has no code 'charing'; did you mean 'charging'"),
        ("car.state is 2", r"car\.state has no code '2'"),
        ("relay.alarms is smoke", "'smoke' is not a whole number"),
        ("relay.permit is perhaps", "is not one of on, off"),
        ("meter.voltage outside 253 V .. 207 V", "write the smaller one first"),
        ("meter.voltage outside 230 V .. 230 V", "write the smaller one first"),
        ("meter.voltage outside 207 V", "is no question"),
        ("meter.current older than 0 s", "is not within"),
        ("meter.current older than 2 h", "is not within"),
        ("meter.current differs from meter.voltage by 1 A", "is in mA and meter.voltage in mV"),
        ("meter.current differs from car.current by -1 A", "a tolerance of zero or more"),
        ("{}", "several questions are written"),
        ("{any of: []}", "the list is empty"),
        ("{all of: []}", "the list is empty"),
        ("{any of: car seen}", "expected a list here"),
        ("{any of: [car seen], all of: [car seen]}", "several questions are written"),
        ("{none of: [car seen]}", "several questions are written"),
        ("[car seen]", "expected a single value"),
    ],
)
def test_what_is_no_question_is_refused_with_what_would_do(text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        read(text)


def test_the_error_names_the_part_that_is_wrong() -> None:
    document = parse("when:\n  any of:\n    - car seen\n    - bike seen\n", "here.yaml")
    with pytest.raises(DocumentError, match=r"here\.yaml:4: when\.any of\[1\]: there is no device 'bike'"):
        question(document.need("when", ""), NAMES)


def test_a_question_that_is_not_text_at_all_is_refused() -> None:
    with pytest.raises(DocumentError, match="expected a single value"):
        question(Item("here.yaml", 1, "when", []), NAMES)
