"""deploy/nodered/flows.json without a Node-RED: what must be so in the file itself, on every run of the suite."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from supervisor.gateway.mqtt.topics import Topics

ROOT = Path(__file__).resolve().parents[2]
FLOWS: list[dict[str, Any]] = json.loads((ROOT / "deploy" / "nodered" / "flows.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "nodered.md").read_text("utf-8")
TOPICS, ME = Topics("powerwarden"), "nodered"
# What Node-RED brings along itself (4.x); nobody has to install anything.
CORE = "tab comment inject debug function switch change trigger delay catch status rbe mqtt-broker"
CORE_TYPES = {*CORE.split(), "mqtt in", "mqtt out", "http request", "link in", "link out", "link call"}
TABS = [node for node in FLOWS if node["type"] == "tab"]


def of(kind: str) -> list[dict[str, Any]]:
    return [node for node in FLOWS if node["type"] == kind]


def by_id(name: str) -> dict[str, Any]:
    return next(node for node in FLOWS if node["id"] == name)


def said_by_us(topic: str) -> bool:
    """Is this subscription one of topics that the gateway speaks under?"""
    plain = topic.replace("+", "anything")
    return TOPICS.is_kept(plain) or topic in (TOPICS.answer(ME), TOPICS.response(ME), TOPICS.event)


# ---- the file is whole -------------------------------------------------------------------------------------------
def test_ids_are_unique_and_every_node_stands_on_a_tab_that_exists() -> None:
    assert [name for name, count in Counter(node["id"] for node in FLOWS).items() if count > 1] == []
    tabs = {tab["id"] for tab in TABS}
    assert {node["z"] for node in FLOWS if node["type"] not in ("tab", "mqtt-broker")} == tabs


def test_every_wire_link_scope_and_broker_leads_to_a_node_that_exists() -> None:
    names = {node["id"] for node in FLOWS}
    for node in FLOWS:
        ends = [end for output in node.get("wires", []) for end in output]
        ends += [*node.get("links", []), *(node.get("scope") or []), *([node["broker"]] if "broker" in node else [])]
        if node["type"] != "mqtt-broker":
            assert set(ends) <= names, node["id"]
    assert all(by_id(end)["z"] == node["z"] for node in FLOWS for out in node.get("wires", []) for end in out)


def test_links_are_known_at_both_ends() -> None:
    for out in of("link out"):
        assert all(out["id"] in by_id(end)["links"] for end in out["links"]), out["id"]


def test_every_node_has_as_many_outputs_as_it_is_wired_for() -> None:
    for node in FLOWS:
        if "outputs" in node:
            assert node["outputs"] == len(node["wires"]), node["id"]


def test_only_core_nodes_are_used() -> None:
    assert {node["type"] for node in FLOWS} <= CORE_TYPES


def test_one_broker_without_credentials_and_without_words_of_its_own() -> None:
    (broker,) = of("mqtt-broker")
    assert not {"credentials", "user", "password"} & broker.keys()
    assert (broker["birthTopic"], broker["closeTopic"], broker["willTopic"]) == ("", "", "")
    assert broker["protocolVersion"] == "5"  # a command that the access list forbids is then at least answered
    assert broker["cleansession"] is True  # the broker collects nothing for a Node-RED that is away


def test_no_secret_stands_in_the_file() -> None:
    assert not re.search(r"password|Bearer [A-Za-z0-9]|demo-", json.dumps(FLOWS))


# ---- nothing begins by itself, nothing stays -----------------------------------------------------------------------
def test_no_inject_node_fires_on_start_and_only_the_optimisers_clock_repeats() -> None:
    assert all(node["once"] is False and node["crontab"] == "" for node in of("inject"))
    assert [node["id"] for node in of("inject") if node["repeat"]] == ["pw_live_tick"]


def test_no_function_sends_anything_on_start() -> None:
    for node in of("function"):
        assert "node.send" not in node["initialize"] + node["finalize"], node["id"]
        assert "setInterval" not in node["func"] + node["initialize"], node["id"]
        assert not node["libs"]


def test_every_output_is_explicitly_not_retained_and_expires() -> None:
    for node in of("mqtt out"):
        assert node["retain"] == "false", node["id"]  # "" would mean: as msg.retain says
        assert node["qos"] == "1", node["id"]
        assert 0 < int(node["expiry"]) <= 10, node["id"]


def test_inputs_can_tell_what_the_broker_kept_from_what_is_fresh() -> None:
    assert all(node["rap"] is False for node in of("mqtt in"))
    assert all(
        node["rh"] == 2 for node in of("mqtt in") if "/answer/" in node["topic"] or "/response/" in node["topic"]
    )
    assert "msg.retain" in by_id("pw_live_work")["func"]


def test_what_the_optimiser_remembers_is_forgotten_on_start() -> None:
    assert "context.set('on', false)" in by_id("pw_live_work")["initialize"]
    assert not any("flow.set" in node["func"] or "global.set" in node["func"] for node in of("function"))


def test_the_optimiser_asks_live_and_says_when_it_asked() -> None:
    code = by_id("pw_live_work")["func"]
    assert all(word in code for word in ("kind: 'live'", "duration_s: LEASE_S", "request_id:", "sent:"))
    assert "LEASE_S = 30" in code
    assert by_id("pw_live_tick")["repeat"] == "10"


# ---- the contract ------------------------------------------------------------------------------------------------
def test_every_topic_is_one_that_the_gateway_knows() -> None:
    for node in of("mqtt out"):
        place = TOPICS.place(node["topic"])
        assert place is not None, node["topic"]
        assert place.identity == ME, node["topic"]
    assert [node["topic"] for node in of("mqtt in") if not said_by_us(node["topic"])] == []


def test_the_stop_button_reaches_everything_and_the_optimiser() -> None:
    (wires,) = by_id("pw_stop_all")["wires"]
    topics = [by_id(name)["topic"] for name in wires if by_id(name)["type"] == "mqtt out"]
    assert topics == ["powerwarden/ask/nodered/stop"]
    assert by_id("pw_stop_again")["wires"] == [["pw_stop_out"]]  # once more, when the optimiser is certainly off
    assert by_id("pw_stop_link")["links"] == ["pw_live_stopped"]
    assert by_id("pw_live_stopped")["wires"] == [["pw_live_work"]]


# ---- people ------------------------------------------------------------------------------------------------------
def test_every_tab_teaches_and_is_in_the_page() -> None:
    for tab in TABS:
        assert len(tab["info"]) > 200, tab["label"]
        assert f"**{tab['label']}**" in PAGE, tab["label"]
        comments = [node for node in of("comment") if node["z"] == tab["id"]]
        assert comments, tab["label"]
        assert all(len(node["info"]) > 40 for node in comments)


def test_the_page_names_what_has_to_be_set() -> None:
    for word in (
        "POWERWARDEN_TOKEN",
        "POWERWARDEN_URL",
        "powerwarden acl",
        "mqtt: nodered",
        "deploy/nodered/flows.json",
    ):
        assert word in PAGE, word
    assert (ROOT / "docs" / "pictures" / "nodered.png").stat().st_size <= 200_000
