"""``powerwarden ack`` as an installer uses it: real guardian, real gateway, a key in a file; the test is the bus."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from acknowledge_bench import ANNA, CALM, DEEP, EMPTY, LOW, WRECKED, public, site

from supervisor import wire
from supervisor.ack import new_key
from supervisor.cli import main
from supervisor.kernel.signal import Quality, Sample
from supervisor.loader.load import load

LIMIT_S = 20.0


def until(condition: Callable[[], Any]) -> Any:
    pause = threading.Event()
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if found := condition():
            return found
        pause.wait(0.02)
    raise AssertionError("never")


class House:
    """Guardian and gateway as processes; ``soc`` is what the battery says, ten times a second."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.soc = folder, CALM
        documents, run = site(folder), folder / "run"
        run.mkdir()
        loaded = load(documents, str(run))
        self.key = folder / "anna.key"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        powerwarden = [sys.executable, "-m", "supervisor.cli"]
        shared = ["--run-dir", str(run)]
        self._children = [
            subprocess.Popen([*powerwarden, *words, *shared], stderr=subprocess.DEVNULL)
            for words in (["guardian", str(documents)], ["gateway", "--listen", f"127.0.0.1:{self.port}"])
        ]
        until((run / "guardian.sock").exists)
        self._index = next(i for i, s in enumerate(loaded.plan.signals) if s.id == "battery.soc")
        self._bus = until(lambda: self._connect(run / "guardian.sock"))
        self._bus.send(wire.encode(wire.Hello(wire.Role.BUS, "can0", os.getpid(), wire.PROTOCOL, loaded.site.digest)))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak)
        self._thread.start()

    def _connect(self, path: Path) -> socket.socket | None:
        try:
            return wire.connect(str(path))
        except OSError:
            return None

    def _speak(self) -> None:
        while not self._stop.wait(0.1):
            sample = Sample(self._index, self.soc, time.monotonic_ns() // 1_000_000, Quality.GOOD)
            self._bus.send(wire.encode(wire.Samples((sample,))))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._bus.close()
        for child in self._children:
            child.terminate()
            child.wait(LIMIT_S)

    def state(self) -> Any:
        try:
            with urllib.request.urlopen(f"{self.url}/v1/state", timeout=5) as answer:
                return json.loads(answer.read())
        except OSError:
            return {"trips": [], "house": {"mode": "unknown"}}

    def trip(self, rule: str = LOW) -> Any:
        return next((trip for trip in self.state()["trips"] if trip["rule"] == rule), None)

    def latch(self, permille: int, rule: str) -> None:
        self.soc = permille
        until(lambda: (self.trip(rule) or {}).get("latched"))
        self.soc = CALM

    def post(self, rule: str, body: bytes) -> tuple[int, Any]:
        request = urllib.request.Request(f"{self.url}/v1/latches/{rule}/acknowledge", body)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("ack"))
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    made.key.write_bytes(ANNA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.key.chmod(0o600)
    yield made
    made.close()


def test_an_installer_ends_a_nuisance_latch_from_the_command_line(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.latch(EMPTY, LOW)
    trip = house.trip()
    assert (trip["latched"], len(trip["challenge"])) == ("nuisance", 32)
    strange = f'{{"challenge": "{trip["challenge"]}", "public_key": "{"0" * 64}", "signature": "{"0" * 128}"}}'
    status, said = house.post(LOW, strange.encode())
    assert (status, said["verdict"], said["clauses"][0]["rule"]) == (403, "refused", "acknowledge.key")
    arguments = ["ack", LOW, "--key", str(house.key), "--url", house.url + "/"]
    assert main([*arguments, "--site", "the barn"]) == 1
    assert "not 'the barn'; nothing was signed" in capsys.readouterr().err
    assert until(lambda: main(arguments) == 0)  # refused while its cause has not yet gone
    out = capsys.readouterr().out
    assert "UC001, the house with the large battery: limits.low: somebody has emptied the battery" in out
    assert "its latch has ended; 1 of 2 acknowledgements are left for a day" in out
    until(lambda: house.trip() is None)
    assert main(arguments) == 1
    assert "limits.low is not latched, there is nothing to acknowledge" in capsys.readouterr().err


def test_a_danger_latch_is_not_even_signed_for(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.latch(WRECKED, DEEP)
    assert "challenge" not in house.trip(DEEP)
    assert main(["ack", DEEP, "--key", str(house.key), "--url", house.url]) == 1
    assert "only somebody in the house can end it" in capsys.readouterr().err
    body = f'{{"challenge": "{"0" * 32}", "public_key": "{public(ANNA)}", "signature": "{"0" * 128}"}}'
    status, said = house.post(DEEP, body.encode())
    assert (status, said["clauses"][0]["rule"]) == (403, "latch.danger")


@pytest.mark.parametrize(
    ("rule", "body", "status", "code"),
    [
        ("limits.nothing", b"{}", 404, "unknown_rule"),
        ("x" * 500, b"{}", 404, "unknown_rule"),
        (LOW, b"", 422, "bad_body"),
        (LOW, b"{}", 422, "bad_body"),
        (LOW, b'{"challenge": "", "public_key": "", "signature": ""}', 422, "bad_body"),
        (LOW, b'{"challenge": "%s", "public_key": "%s", "signature": "%s", "force": true}', 422, "bad_body"),
        (LOW, b'{"challenge": "%s", "public_key": "%s", "signature": "%s\\n"}', 422, "bad_body"),
        (LOW, b'{"challenge": 5, "public_key": "%s%s", "signature": "%s"}', 422, "bad_body"),
        (LOW, b"x" * 10_000, 413, "too_large"),
    ],
)
def test_the_gateway_passes_on_nothing_that_it_does_not_understand(
    house: House, rule: str, body: bytes, status: int, code: str
) -> None:
    filled = body % (b"0" * 32, b"0" * 64, b"0" * 128) if b"%s" in body else body
    got, said = house.post(rule, filled)
    assert (got, said["error"]["code"]) == (status, code)
    assert house.state()["guardian"]["connected"], "and the line to the guardian stands"


# ---- keys ----------------------------------------------------------------------------------------------------------
def test_a_new_key_is_for_its_owner_alone_and_its_public_line_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "carl.key"
    assert main(["ack", "--new-key", str(path)]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert line.startswith("  carl: {public_key: ")
    made = site(tmp_path, installers=False)
    with (made / "site.yaml").open("a", encoding="utf-8") as file:
        file.write(f"installers:\n{line}\n")
    assert list(load(made).installers) == ["carl"]


def test_a_key_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "anna.key"
    path.write_text("the only copy")
    assert new_key(path) == 1
    assert path.read_text() == "the only copy"
    assert "never overwritten" in capsys.readouterr().err
    assert new_key(tmp_path / "nowhere" / "anna.key") == 1


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0, "cannot read"),
        (b"", 0o600, "is no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600, "is no private key"),
        (b"anything", 0o644, "chmod 600"),
    ],
)
def test_a_key_file_that_will_not_do_is_named_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, mode: int, says: str
) -> None:
    path = tmp_path / "anna.key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    assert main(["ack", LOW, "--key", str(path), "--url", "http://127.0.0.1:9"]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([LOW], "name a rule and its --key FILE"),
        ([], "name a rule and its --key FILE"),
        ([LOW, "--key", "KEY", "--url", "http://127.0.0.1:9"], "is the gateway there?"),
        ([LOW, "--key", "KEY", "--url", "file:///etc/passwd"], "is no address"),
        ([LOW, "--key", "KEY", "--url", "127.0.0.1:8080"], "is no address"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    new_key(tmp_path / "anna.key")
    capsys.readouterr()
    assert main(["ack", *(str(tmp_path / "anna.key") if word == "KEY" else word for word in arguments)]) != 0
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
