"""``powerwarden certificate`` and ``powerwarden token``: what a house needs so that its tokens stay its own.

    powerwarden certificate --host powerwarden.lan --host 192.0.2.7 --out tls
    powerwarden token nodered

Rules
* The authority (ca.pem) is what clients are told to trust. It can only vouch for the hosts that were named when it was
  made, so whoever steals its key cannot pretend to be somebody's bank.
* Made again in the same folder, the authority is kept and the gateway gets a new certificate: no client notices.
* Keys are readable by this user alone. A token is shown once and stored nowhere; the site document has its hash.

This file must never overwrite an authority: every client would have to be told anew.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3_650
SERVER_DAYS = 820  # more than 825 days are refused by Apple's clients, also from an authority of one's own
ALWAYS = ("localhost", "127.0.0.1", "::1")
TOKEN_BYTES = 32
HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\Z")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")

GeneralName = x509.DNSName | x509.IPAddress


class CertificateError(Exception):
    """One sentence about what is in the way."""


def certificate(hosts: Sequence[str], out: Path) -> int:
    """Make the gateway's certificate, and an authority where there is none yet. Returns the exit code."""
    try:
        names = [_host(host) for host in dict.fromkeys([*hosts, *ALWAYS])]
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = (out / "ca.pem").exists()
        authority = _read_authority(out, names) if known else _new_authority(out, names, hosts[0])
        ends = _new_server(out, authority, names, hosts[0])
    except (CertificateError, OSError) as error:
        sys.stderr.write(f"powerwarden certificate: {error}\n")
        return 2
    sys.stdout.write(_next_steps(out, hosts[0], ends, known))
    return 0


def _host(text: str) -> GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if not HOST.match(text):
            raise CertificateError(f"'{text}' is no host: give the name or address that clients use") from None
        return x509.DNSName(text.lower())


Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _new_authority(out: Path, names: list[GeneralName], host: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    permitted = [
        x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name for name in names
    ]
    name = _name(f"Powerwarden of {host}")
    made = (
        _builder(name, name, key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(out / "ca.key", _pem(key), secret=True)
    _write(out / "ca.pem", made.public_bytes(serialization.Encoding.PEM))
    return made, key


def _read_authority(out: Path, names: list[GeneralName]) -> Authority:
    """Raises CertificateError where it cannot vouch for one of ``names``."""
    try:
        made = x509.load_pem_x509_certificate((out / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((out / "ca.key").read_bytes(), None)
        permitted = made.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except (ValueError, TypeError, x509.ExtensionNotFound):
        raise CertificateError(
            f"{out}/ca.pem and ca.key are not an authority made here: choose another --out"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != made.public_key():
        raise CertificateError(f"{out}/ca.key does not belong to ca.pem: choose another --out")
    may = {str(name.value).removesuffix("/32").removesuffix("/128") for name in permitted}
    for name in names:
        if str(name.value) not in may:
            known = ", ".join(sorted(may - set(ALWAYS)))
            raise CertificateError(f"the authority in {out} may only vouch for {known}: choose another --out")
    return made, key


def _new_server(out: Path, authority: Authority, names: list[GeneralName], host: str) -> datetime.datetime:
    ca, ca_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _builder(_name(host), ca.subject, key, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(out / "gateway.key", _pem(key), secret=True)
    _write(out / "gateway.pem", made.public_bytes(serialization.Encoding.PEM))
    return made.not_valid_after_utc


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a phone's clock may be a little behind
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(signs: bool) -> x509.KeyUsage:
    rest = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, decipher_only=False, **rest)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, data: bytes, secret: bool = False) -> None:
    """Old or new, never half; a key is nobody else's for no moment."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644), "wb") as file:
        file.write(data)
    os.replace(new, path)


def _next_steps(out: Path, host: str, ends: datetime.datetime, known: bool) -> str:
    authority = "the same authority as before, so no client notices" if known else "a new authority, ca.pem"
    return f"""\
Made {out}/gateway.pem with its key for {host}, valid until {ends:%Y-%m-%d}, by {authority}.

What to do next:
  1. Serve with it:
       powerwarden run SITE --listen 0.0.0.0:8443 --tls-cert {out}/gateway.pem --tls-key {out}/gateway.key
     or, when it serves already, read it again:  systemctl reload powerwarden-gateway  (SIGHUP to the gateway)
  2. Tell clients to trust {out}/ca.pem, and only that file:  curl --cacert {out}/ca.pem https://{host}:8443/v1/state
  3. Put {out}/ca.key away, off this machine. It is needed only to make the next certificate, before {ends:%Y-%m-%d}.
"""


def token(name: str) -> int:
    """Make a token; show it, and what the site document says of it. Returns the exit code."""
    if not NAME.match(name):
        sys.stderr.write(
            f"powerwarden token: '{name}' is no name for an orchestrator: lower-case letters, digits and _, "
            "as below 'orchestrators' in site.yaml\n"
        )
        return 2
    made = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=").lower()
    digest = hashlib.sha256(made.encode()).hexdigest()
    sys.stdout.write(f"""\
The token of {name}, shown this once and stored nowhere. Give it to its program:

  {made}

Below 'orchestrators: {name}:' in site.yaml, in place of a token_sha256 that may be there:

    token_sha256: {digest}
""")
    return 0
