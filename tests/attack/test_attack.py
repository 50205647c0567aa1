"""Strangers on the LAN against a whole house (H14): refused, counted, and nobody inside notices.

After each attack: the attacker saw nothing but what the table allows, the counters say how often he came, the gateway
is no bigger than before, an honest client had its grants meanwhile, and the guardian has skipped no cycle.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_house import AttackedHouse, Figures, bearer, connections, denials_in, request
from attack_table import SET, STOP, TABLE, Row, wrong_tokens
from running_house import ROOT, free_ports

from supervisor.certificate import certificate
from supervisor.gateway.denials import Reason

GROWTH_MAX = 25 * 2**20  # bytes
PAGE = ROOT / "docs" / "denials.md"


@pytest.fixture(scope="module")
def house() -> Iterator[AttackedHouse]:
    running = AttackedHouse()
    try:
        running.until_mode("normal")
        running.until(running.healthy, "the gateway answers")
        yield running
    finally:
        running.close()


class Secure:
    """A second gateway of the same guardian, with TLS: its port, and what it has counted."""

    def __init__(self, house: AttackedHouse, folder: Path) -> None:
        assert certificate(["pw.test"], folder) == 0
        self.port = free_ports(1)
        self._trusting = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        argv = [sys.executable, "-m", "supervisor.gateway.main", "--socket", str(house.dir / "guardian.sock")]
        argv += ["--listen", f"127.0.0.1:{self.port}", "--tls-cert", str(folder / "gateway.pem")]
        argv += ["--tls-key", str(folder / "gateway.key")]
        self.process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.DEVNULL)

    def metrics(self) -> str | None:
        try:
            with urllib.request.urlopen(
                f"https://127.0.0.1:{self.port}/metrics", None, 5, context=self._trusting
            ) as got:
                return str(got.read().decode())
        except OSError:
            return None

    def denials(self) -> Counter[str]:
        lines = [line.rsplit(" ", 1) for line in (self.metrics() or "").splitlines() if line[:1] not in ("#", "")]
        return denials_in({name: float(value) for name, value in lines})


@pytest.fixture(scope="module")
def secure(house: AttackedHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    made = Secure(house, tmp_path_factory.mktemp("tls"))
    try:
        house.until(made.metrics, "the gateway serves HTTPS")
        yield made
    finally:
        made.process.terminate()
        made.process.wait(10)


def unharmed(house: AttackedHouse, before: Figures) -> None:
    """The guardian's lateness and the gateway's size."""
    after = house.figures()
    assert after.rss - before.rss < GROWTH_MAX
    skipped, cycles = after.skipped - before.skipped, after.cycles - before.cycles
    if house.real_time:
        assert skipped == 0
    else:  # then everything else on this machine makes it late as well, and only a standstill would be the attack's
        assert skipped <= cycles // 10


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.run.__name__)
def test_each_attack_is_refused_and_counted_and_nobody_inside_notices(
    house: AttackedHouse, secure: Secure, row: Row
) -> None:
    counts = secure.denials if row.tls else house.denials
    before, counted = house.figures(), counts()
    with house.honest() as honest:
        times, answers = asyncio.run(row.run((house.listen, secure.port)))
    assert set(answers) <= set(row.answers), answers

    def grown() -> int:
        return sum((counts() - counted)[reason] for reason in row.counted)

    house.until(lambda: grown() >= times, f"{times} are counted, of {answers}", 5)
    assert times > 0
    if row.exact:
        assert grown() == times
    assert set(honest.answers) <= {"200"}, honest.answers
    unharmed(house, before)


def test_a_locked_network_is_not_listened_to_except_when_it_stops(house: AttackedHouse, secure: Secure) -> None:
    """Else somebody who sits beside the attacker could not stop the car, and a guesser would hear when he is right."""

    async def right_and_wrong() -> list[str]:
        await wrong_tokens((house.listen, 0), count=20)
        with connections() as connect:
            said = []
            for method, path, token in (
                ("PUT", SET, "demo-phone"),
                ("PUT", SET, "demo-guess"),
                ("POST", STOP, "demo-guess"),
                ("POST", STOP, "demo-phone"),
            ):
                connection = await connect("127.2.0.1", house.listen)
                body = b'{"value": 10, "unit": "A"}' if method == "PUT" else b""
                await connection.say(request(method, path, bearer(token), body=body))
                said.append(await connection.answer())
            return said

    assert asyncio.run(right_and_wrong()) == ["429 locked_out"] * 3 + ["200"]


def test_the_page_says_what_the_table_says() -> None:
    assert table() in PAGE.read_text("utf-8"), f"put this into {PAGE}:\n\n{table()}"


def test_every_reason_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert [str(reason) for reason in Reason if f"`{reason}`" not in page] == []


def table() -> str:
    """As docs/denials.md has it."""
    lines = ["| attack | answer | counted as |", "|---|---|---|"]
    for row in TABLE:
        exact = "" if row.exact else " (at least)"
        answers = ", ".join(f"`{answer}`" for answer in row.answers)
        lines.append(f"| {row.attack} | {answers} | {', '.join(f'`{name}`' for name in row.counted)}{exact} |")
    return "\n".join(lines) + "\n"
