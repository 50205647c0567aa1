"""HTTPS with the house's own certificate: what clients see, what a bad handshake costs, and a certificate made anew."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from conftest import PLENTY, Gateway
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_guardian import SECONDS_MAX, FakeGuardian
from test_bounds import until

from supervisor.certificate import SERVER_DAYS, certificate
from supervisor.gateway import seats, tls
from supervisor.gateway.denials import Reason
from supervisor.gateway.tls import Certificate, TlsError

LAST = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tls")
    assert certificate(["pw.test"], out) == 0
    return out


@pytest.fixture(scope="module")
def secure(guardian: FakeGuardian, made: Path) -> Iterator[Gateway]:
    with Gateway(guardian.path, PLENTY, Certificate(made / "gateway.pem", made / "gateway.key")) as running:
        running.until("snapshot")
        yield running


def trusting(made: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(made / "ca.pem"))


def connected(gateway: Gateway, context: ssl.SSLContext) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", gateway.port), SECONDS_MAX)
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


def heard(sock: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    got = b""
    try:
        while data := sock.recv(65_536):
            got += data
    except (ConnectionError, ssl.SSLError):
        pass
    return got


def test_a_client_that_trusts_the_authority_is_served(secure: Gateway, made: Path) -> None:
    answer = httpx.get(f"https://127.0.0.1:{secure.port}/healthz", verify=trusting(made))
    assert answer.status_code == 200


def test_a_client_that_trusts_somebody_else_is_not_fooled(secure: Gateway) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(secure, ssl.create_default_context())


def test_only_strong_tls_is_spoken(secure: Gateway, made: Path) -> None:
    with connected(secure, trusting(made)) as sock:
        assert sock.version() == "TLSv1.3"
    older = trusting(made)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with connected(secure, older) as sock:
        assert sock.version() == "TLSv1.2"
        assert sock.cipher()[0].startswith("ECDHE-")  # type: ignore[index]
    for wish in ("kRSA", "ECDHE+AES+SHA256:@SECLEVEL=0"):
        weak = trusting(made)
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers(wish)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connected(secure, weak)


@pytest.mark.parametrize("said", [LAST, b"\x16\x03\x01\x00\x05hello", b"\x00" * 500], ids=["http", "half", "zeros"])
def test_what_is_no_handshake_is_counted_and_hung_up_on(secure: Gateway, said: bytes) -> None:
    before = secure.denials.totals()[Reason.TLS_HANDSHAKE]
    with socket.create_connection(("127.0.0.1", secure.port), SECONDS_MAX) as sock:
        sock.sendall(said)
        assert b"HTTP/" not in heard(sock), "nothing is ever said in clear text"
    until(lambda: secure.denials.totals()[Reason.TLS_HANDSHAKE] == before + 1)


def test_a_handshake_that_never_ends_is_dropped(secure: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.1)
    before = secure.denials.totals()[Reason.TLS_HANDSHAKE]
    with socket.create_connection(("127.0.0.1", secure.port), SECONDS_MAX) as sock:
        assert heard(sock) == b""
    until(lambda: secure.denials.totals()[Reason.TLS_HANDSHAKE] == before + 1)


def test_a_handshake_has_a_seat_like_every_connection(secure: Gateway, made: Path) -> None:
    before = secure.denials.totals()[Reason.BOUND_CONNECTIONS]
    with ExitStack() as held:
        for _ in range(seats.NETWORK_SEATS + 20):
            held.enter_context(socket.create_connection(("127.0.0.1", secure.port), SECONDS_MAX))
        with connected(secure, trusting(made)) as sock:
            sock.sendall(LAST)
            assert heard(sock).startswith(b"HTTP/1.1 200 ")
        assert secure.denials.totals()[Reason.BOUND_CONNECTIONS] >= before + 21


def test_a_request_right_behind_the_handshake_is_not_lost(secure: Gateway, made: Path) -> None:
    """In TLS 1.3 both may come in one packet."""
    comes, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting(made).wrap_bio(comes, goes, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", secure.port), SECONDS_MAX) as sock:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(goes.read())
                comes.write(sock.recv(65_536))
        client.write(LAST)
        sock.sendall(goes.read())  # the end of the handshake and the request
        answer = b""
        while not answer:
            comes.write(sock.recv(65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer = client.read(65_536)
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_new_certificate_is_for_new_connections_and_the_old_ones_go_on(
    guardian: FakeGuardian, tmp_path: Path
) -> None:
    assert certificate(["pw.test"], tmp_path) == 0
    pair = Certificate(tmp_path / "gateway.pem", tmp_path / "gateway.key")
    with Gateway(guardian.path, PLENTY, pair) as gateway, connected(gateway, trusting(tmp_path)) as before:
        gateway.until("snapshot")
        old = before.getpeercert(binary_form=True)
        assert certificate(["pw.test"], tmp_path) == 0
        pair.reload()
        with connected(gateway, trusting(tmp_path)) as after:
            new = after.getpeercert(binary_form=True)
            assert new != old
        (tmp_path / "gateway.pem").write_text("nonsense")
        with pytest.raises(TlsError):
            pair.reload()
        with connected(gateway, trusting(tmp_path)) as again:
            assert again.getpeercert(binary_form=True) == new, "what cannot be read changes nothing"
        before.sendall(LAST)
        assert heard(before).startswith(b"HTTP/1.1 200 ")


def test_dates_are_spoken_of_in_time(made: Path) -> None:
    pair = Certificate(made / "gateway.pem", made / "gateway.key")
    today = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    assert pair.warning(today) == ""
    assert pair.warning(today + (SERVER_DAYS - 15) * day) == ""
    assert "expires in 12 days" in pair.warning(today + (SERVER_DAYS - 13) * day + day / 24)
    assert "expired on" in pair.warning(today + (SERVER_DAYS + 1) * day)
    assert "this clock says" in pair.warning(today - 3 * day)


def pem(password: bytes = b"") -> bytes:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (None, "the key {key} cannot be read: No such file or directory"),
        (pem(), "the key {key} does not belong to the certificate {cert}"),
        (pem(b"secret"), "the key {key} has a password"),
        (b"nonsense", "are not a certificate and its key in PEM"),
    ],
    ids=["missing", "another's", "locked", "nonsense"],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_2(
    tmp_path: Path, made: Path, key: bytes | None, says: str
) -> None:
    bad = tmp_path / "bad.key"
    if key is not None:
        bad.write_bytes(key)
    cert = made / "gateway.pem"
    argv = [sys.executable, "-m", "supervisor.gateway.main", "--socket", "x", "--listen", "127.0.0.1:0"]
    argv += ["--tls-cert", str(cert), "--tls-key", str(bad)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert says.format(key=bad, cert=cert) in ended.stderr


def test_a_certificate_without_a_key_is_a_wrong_command_line() -> None:
    argv = [sys.executable, "-m", "supervisor.gateway.main", "--socket", "x", "--tls-cert", "x"]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert ended.returncode == 2
    assert "--tls-cert and --tls-key go together" in ended.stderr
