"""A run's page: everything a reader needs, from nowhere else, and nothing from outside gets into it as markup."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from scripted_bench import EVENTS, EXPECTED, ScriptedBench, at_least, at_most, expect, scenario, to_device

from hil.report.page import run_page
from hil.report.thin import SLOTS, Thin
from hil.rig_run import run_one
from hil.scenario.model import Decision, Moment, Run, Scenario

EVIL = "<script>alert('x')</script> & \"more\" \x00\x1b[31m"
VOID = {"meta", "br", "input", "img", "link", "hr"}


class Page(HTMLParser):
    """Elements with their attributes and the text in them; an element that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, {name: value or "" for name, value in attrs}, [])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, texts in self._open:
            texts.append(data)

    def texts(self, tag: str = "", css: str = "") -> list[str]:
        """Of all elements of this tag or class."""
        return [
            "".join(texts)
            for name, attributes, texts in self.elements
            if (not tag or name == tag) and (not css or css in attributes.get("class", "").split())
        ]


def run_of(whole: Scenario | None = None, **changes: object) -> Run:
    run = run_one(whole or scenario(**changes), ScriptedBench(), 7)
    run.repeat = "powerwarden-rig run meter_silent --bench virtual --seed 7"
    return run


def page_of(run: Run) -> Page:
    return Page(run_page(run))


def test_a_page_says_verdict_reason_hazards_seed_bench_and_the_command_that_repeats_it() -> None:
    head = page_of(run_of()).texts("header")[0]
    for word in (
        "The meter falls silent while the car charges",
        "Held: all 4 expectations were seen.",
        "a silent meter counts as its circuit's full load",
        "H04",
        "a fuse or a phase overloaded",
        "seed 7",
        "bench virtual",
        "powerwarden-rig run meter_silent --bench virtual --seed 7",
    ):
        assert word in head


def test_a_page_needs_nothing_but_itself_and_runs_nothing() -> None:
    text = run_page(run_of())
    page = Page(text)
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(name for name, _, _ in page.elements)
    assert not re.search(r"https?://|url\(|@import|\bsrc=|javascript:", text)
    policies = [attributes["content"] for _, attributes, _ in page.elements if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_whatever_comes_from_outside_stands_there_as_text() -> None:
    nasty = scenario(
        name="evil",
        title=EVIL,
        why=EVIL,
        hazards=(EVIL,),
        wall=EVIL,
        show=("wallbox.car_state", "plant.grid_w", EVIL),
        events=(*(replace(event, text=EVIL) for event in EVENTS), to_device(38_000, EVIL, fault=EVIL)),
        expectations=(expect("always", replace(at_most("plant.grid_a", 35), text=EVIL), 0, 9000, why=EVIL),),
    )
    run = run_of(nasty)
    run.repeat = run.trouble = run.bench = EVIL
    run.decisions = [Decision(5000, EVIL, EVIL, EVIL, EVIL)]
    run.findings = [replace(finding, measured=EVIL) for finding in run.findings]
    run.moments = [
        replace(moment, said={EVIL: f"{EVIL}{number}"}, facts={**moment.facts, "wallbox.car_state": EVIL})
        for number, moment in enumerate(run.moments[:50])
    ]
    text = run_page(run)
    page = Page(text)
    assert not [name for name, _, _ in page.elements if name == "script"]
    assert not [name for _, attributes, _ in page.elements for name in attributes if name.startswith("on")]
    assert "\x00" not in text
    assert "\x1b" not in text
    assert page.texts("h1")[0].startswith("<script>alert('x')</script> & \"more\"")


def test_what_failed_stands_first_and_red_with_the_measured_value_beside_the_limit() -> None:
    too_low = expect("always", at_most("plant.grid_a", 25), 6000, 35_000, why="a smaller fuse")
    page = page_of(run_of(expectations=(*EXPECTED, too_low)))
    rows = page.texts("div", "exp")
    assert "failed" in rows[0]
    assert "max(plant.grid_a) <= 25" in rows[0]
    assert "a smaller fuse" in rows[0]
    assert "31.7391 A, limit 25 A, at 33.3 s" in rows[0]
    assert all(row.startswith("held") for row in rows[1:])
    assert len(rows) == 5
    assert page.texts("div", "verdict") == ["Did not hold: 1 of 5 expectations failed."]
    assert page.texts("b", "bad")[0].startswith("31.7391 A")


def test_the_window_of_an_expectation_is_a_bar_at_its_place_on_the_time_axis() -> None:
    page = page_of(run_of())
    windows = [attributes for name, attributes, _ in page.elements if "window" in attributes.get("class", "").split()]
    assert [(float(w["x"].rstrip("%")), float(w["width"].rstrip("%"))) for w in windows] == [
        (7.5, 12.5),  # 3 s to 8 s of 40 s
        (25.0, 12.5),
        (0.0, 100.0),
        (0.0, 75.0),
    ]


def test_every_event_has_its_mark_and_a_fault_lasts_until_it_is_cleared() -> None:
    page = page_of(run_of())
    badges = [attributes for _, attributes, _ in page.elements if "badge" in attributes.get("class", "").split()]
    assert [float(badge["x"].rstrip("%")) for badge in badges] == [event.at_ms / 400 for event in EVENTS]
    wrong = [attributes for _, attributes, _ in page.elements if "wrong" in attributes.get("class", "").split()]
    assert [(float(bar["x"].rstrip("%")), float(bar["width"].rstrip("%"))) for bar in wrong] == [(25, 25), (90, 10)]
    titles = page.texts("title")
    assert "meter: silent from 10 s (16:00:10) to 20 s (16:00:20), 10 s" in titles
    for event in EVENTS:
        assert any(event.text in title for title in titles)


def test_only_contacts_that_moved_are_drawn() -> None:
    names = page_of(run_of()).texts("text", "name")
    assert "relays contact 2" in names
    assert "relays contact 1" not in names


def test_what_the_product_says_of_itself_stands_in_a_band_that_says_so() -> None:
    page = page_of(run_of())
    [band] = page.texts("figure", "says")
    assert "what the product says of itself, not judged" in band
    assert "mode: degraded from 10.9 s (16:00:10) to 20.1 s (16:00:20)" in band
    others = [text for text in page.texts("figure") if text != band]
    assert not any("degraded" in text for text in others)


def test_answers_of_the_product_are_drawn_by_verdict() -> None:
    page = page_of(run_of())
    names = page.texts("text", "name")
    assert {"granted (2)", "clipped (1)", "refused (1)"} <= set(names)
    assert any("stranger, wallbox.current: refused: permission <car> & stranger" in t for t in page.texts("title"))


def test_a_scenario_that_names_its_facts_gets_those_and_others_get_powers_without_dead_ones() -> None:
    chosen = page_of(run_of(show=("wallbox.ampere",)))
    assert chosen.texts("span", "key") == ["wallbox.ampere"]
    usual = page_of(run_of()).texts("span", "key")
    assert "plant.car each phase" in usual
    assert not any("plant.pv" in label for label in usual)


def test_a_fact_that_is_away_or_no_number_for_a_while_leaves_a_gap() -> None:
    run = run_of()
    run.moments = [
        moment
        if not 12_000 <= moment.at_ms < 14_000
        else Moment(moment.at_ms, {"plant.grid_w": [math.nan, math.inf, 3.0]}, {})
        for moment in run.moments
    ]
    lines = [a["points"] for n, a, _ in page_of(run).elements if n == "polyline" and "l c0 p1" in a["class"]]
    assert len(lines) >= 2
    assert not any("nan" in line or "inf" in line for line in lines)


@pytest.mark.parametrize("breaks", ["open", "middle", "bug"])
def test_a_run_that_broke_off_says_why_and_shows_what_there_is(breaks: str) -> None:
    page = page_of(run_one(scenario(), ScriptedBench(breaks), 1))
    assert page.texts("div", "verdict") == ["Could not be run to its end."]
    assert {
        "open": "site.yaml:3: no such bus",
        "middle": "guardian has ended: Killed",
        "bug": "ZeroDivisionError: a product's mistake",
    }[breaks] in page.texts("header")[0]
    assert len(page.texts("div", "exp")) == len(EXPECTED)
    drawn = page.texts("polyline")
    assert bool(drawn) is (breaks != "open")


def test_a_spike_of_one_moment_in_a_long_day_is_in_the_picture() -> None:
    long = scenario(length_ms=1_200_000, events=(), expectations=())
    run = run_of(long)
    assert len(run.moments) < 12_000 / 2
    assert max(moment.facts["plant.grid_w"][0] for moment in run.moments) == 5000.0  # type: ignore[index]
    lines = [a["points"] for n, a, _ in page_of(run).elements if n == "polyline" and "p1" in a["class"]]
    highest = min(float(point.split(",")[1]) for point in lines[0].split())
    assert highest == pytest.approx(150 * 1 / 8, abs=0.1)  # 150 px from 6 kW to -2 kW
    assert len(run_page(run)) < 1_000_000


def test_of_what_is_compared_with_a_limit_the_nearest_moment_is_kept() -> None:
    """A sum has its extreme where none of its parts has one."""
    total = at_least("plant.grid_w", 1.0)
    summed = replace(total, margin=lambda facts: (0.0, sum(facts["plant.grid_w"]), 1.0))  # type: ignore[arg-type]
    whole = scenario(length_ms=SLOTS * 1000, expectations=(expect("always", summed, 0, 1000),))
    thin = Thin(whole)
    phases = [[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0], [4.0, 4.0, 4.0], [0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]
    for number, watts in enumerate([*phases, *phases[:3]]):
        thin.see(Moment(number * 100, {"plant.grid_w": watts}))
    assert max(sum(moment.facts["plant.grid_w"]) for moment in thin.moments()) == 12.0  # type: ignore[arg-type]


def test_what_is_kept_does_not_change_when_a_device_writes_on_into_its_own_list() -> None:
    own = [True, False]
    thin = Thin(scenario())
    thin.see(Moment(100, {"relays.closed": own}))
    own[1] = True
    assert thin.moments()[0].facts["relays.closed"] == [True, False]
