"""``powerwarden certificate`` and ``powerwarden token``, as a person uses them."""

from __future__ import annotations

import hashlib
import re
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from supervisor.cli import main
from supervisor.loader.load import load


def make(out: Path, *hosts: str) -> int:
    return main(["certificate", *(word for host in hosts for word in ("--host", host)), "--out", str(out)])


def test_it_makes_what_a_gateway_can_serve_with_and_says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tls"
    assert make(out, "powerwarden.lan", "192.0.2.7") == 0
    said = capsys.readouterr().out
    for word in ("--tls-cert", "--tls-key", "ca.pem", "ca.key", "valid until"):
        assert word in said
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(out / "gateway.pem", out / "gateway.key")
    names = x509.load_pem_x509_certificate((out / "gateway.pem").read_bytes()).extensions
    named = {str(n.value) for n in names.get_extension_for_class(x509.SubjectAlternativeName).value}
    assert named == {"powerwarden.lan", "192.0.2.7", "localhost", "127.0.0.1", "::1"}


def test_keys_are_for_this_user_alone(tmp_path: Path) -> None:
    assert make(tmp_path / "tls", "a.lan") == 0
    for name in ("ca.key", "gateway.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700


def test_made_again_the_authority_stays_and_the_certificate_is_new(tmp_path: Path) -> None:
    assert make(tmp_path, "a.lan") == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert make(tmp_path, "a.lan") == 0
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"gateway.pem", "gateway.key"}


def test_an_authority_cannot_vouch_for_anybody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(tmp_path, "a.lan") == 0
    before = (tmp_path / "gateway.pem").read_bytes()
    assert make(tmp_path, "bank.example") == 2
    assert "may only vouch for a.lan" in capsys.readouterr().err
    assert (tmp_path / "gateway.pem").read_bytes() == before
    limits = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes()).extensions
    permitted = limits.get_extension_for_class(x509.NameConstraints)
    assert permitted.critical
    assert "a.lan" in {str(name.value) for name in permitted.value.permitted_subtrees or ()}


@pytest.mark.parametrize("host", ["", "a b", "-a", "a..b", "ü.lan", "a.lan:80", "https://a.lan"])
def test_what_is_no_host_is_refused_and_nothing_is_written(tmp_path: Path, host: str) -> None:
    assert main(["certificate", f"--host={host}", "--out", str(tmp_path / "tls")]) == 2
    assert not (tmp_path / "tls").exists()


def test_anothers_authority_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ca.pem").write_text("precious")
    (tmp_path / "ca.key").write_text("precious")
    assert make(tmp_path, "a.lan") == 2
    assert "choose another --out" in capsys.readouterr().err
    assert (tmp_path / "ca.pem").read_text() == "precious"


def test_a_token_is_another_each_time_and_its_line_fits_the_site_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = []
    for _ in range(2):
        assert main(["token", "phone"]) == 0
        said = capsys.readouterr().out
        token, line = re.search(r"^  (\S{52})$", said, re.M), re.search(r"^    (token_sha256: (\S{64}))$", said, re.M)
        assert token is not None
        assert line is not None
        assert hashlib.sha256(token[1].encode()).hexdigest() == line[2]
        made.append((token[1], line[1]))
    assert made[0] != made[1]
    for name in ("site.yaml", "10-limits.yaml", "20-house.yaml"):
        text = (Path("policies/uc001") / name).read_text("utf-8")
        old = "token_sha256: 07e1e506e243d87f2eac6e9b3520e8d33b483832179c563fd75ec52e26f94f21"
        (tmp_path / name).write_text(text.replace(old, made[0][1]), "utf-8")
    load(tmp_path)


def test_a_name_that_no_orchestrator_can_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "Node Red"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
