"""What comes back from an authority is read in every format it may have, and what cannot be read says why."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from desk import REQUEST, authority, key
from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.establishment import Contact, Contacts, Establishment, Mode
from vaguemestre.pki import arrival, conformity
from vaguemestre.pki.arrival import LARGEST, Arrived, chained, read
from vaguemestre.pki.authority import Issued
from vaguemestre.pki.bearer import Bearer, Kind
from vaguemestre.pki.faults import Fault, PkiError
from vaguemestre.secrets import Secrets

WORDS = b"mot de passe"
_SOMEBODY = Contact(name="Camille Exemple", phone="1", mail="camille@pasteur.mssante.test")
ESTABLISHMENT = Establishment(
    slug="pasteur",
    name=REQUEST.organisation,
    city="Évreux",
    region="Haute-Normandie",
    department=REQUEST.department,
    finess="270000999",
    mode=Mode.OPERATOR,
    contacts=Contacts(responsible=_SOMEBODY, support=_SOMEBODY),
)


@pytest.fixture(scope="module")
def issued() -> Issued:
    return authority().issue(REQUEST, key=key(1))


def pkcs12(issued: Issued, passphrase: bytes = WORDS) -> bytes:
    closed: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return serialize_key_and_certificates(b"mail", issued.key, issued.leaf, issued.chain[1:], closed)


FORMATS: dict[str, Callable[[Issued], list[bytes]]] = {
    "PEM": lambda one: [one.chain_pem()],
    "PEM, a file each": lambda one: [c.public_bytes(Encoding.PEM) for c in one.chain],
    "PEM with words around": lambda one: [b"Bag Attributes\n  localKeyID: 01\n" + one.chain_pem() + b"\nend\n"],
    "PEM with Windows line ends": lambda one: [one.chain_pem().replace(b"\n", b"\r\n")],
    "DER": lambda one: [c.public_bytes(Encoding.DER) for c in one.chain],
    "p7b, PEM": lambda one: [serialize_certificates(list(one.chain), Encoding.PEM)],
    "p7b, DER": lambda one: [serialize_certificates(list(one.chain), Encoding.DER)],
    "leaf in DER, chain as p7b": lambda one: [
        one.leaf_der(),
        serialize_certificates(list(one.chain[1:]), Encoding.DER),
    ],
    "all of it twice": lambda one: [one.chain_pem(), serialize_certificates(list(one.chain), Encoding.DER)],
    "PKCS#12": lambda one: [pkcs12(one)],
    "PKCS#12 and DER": lambda one: [pkcs12(one), one.leaf_der()],
}


@pytest.mark.parametrize("made", FORMATS.values(), ids=FORMATS.keys())
def test_every_format_gives_leaf_and_chain(issued: Issued, made: Callable[[Issued], list[bytes]]) -> None:
    arrived = read([("file", content) for content in made(issued)], WORDS)
    assert set(arrived.certificates) == set(issued.chain)
    assert len(arrived.certificates) == len(issued.chain)
    assert arrival.leaf(arrived, [issued.key.public_key()]) == issued.leaf


@pytest.mark.parametrize("passphrase", [WORDS, b""])
def test_pkcs12_brings_its_key(issued: Issued, passphrase: bytes) -> None:
    (brought,) = read([("mail.p12", pkcs12(issued, passphrase))], passphrase or None).keys
    assert brought.public_key() == issued.leaf.public_key()


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("passphrase", [None, WORDS])
def test_a_key_may_come_in_its_own_file(issued: Issued, encoding: Encoding, passphrase: bytes | None) -> None:
    closed: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    content = issued.key.private_bytes(encoding, PrivateFormat.PKCS8, closed)
    (brought,) = read([("key", content), ("mail.pem", issued.chain_pem())], passphrase).keys
    assert isinstance(brought, rsa.RSAPrivateKey)
    assert brought.public_key() == issued.leaf.public_key()


def test_a_key_never_shows_when_what_arrived_is_printed(issued: Issued) -> None:
    assert "RSAPrivateKey" not in repr(read([("key", issued.key_pem())]))


def unreadable(content: bytes, passphrase: bytes | None = None) -> str:
    with pytest.raises(PkiError) as refused:
        read([("the-file", content)], passphrase)
    assert refused.value.exit_code == 2
    return str(refused.value)


REFUSALS: dict[str, tuple[Callable[[Issued], bytes], bytes | None, str]] = {
    "no passphrase": (pkcs12, None, "the-file: PKCS#12, closed by a passphrase"),
    "wrong passphrase": (pkcs12, b"wrong", "PKCS#12 that the passphrase does not open"),
    "cut PKCS#12": (lambda one: pkcs12(one)[:-200], WORDS, "or that is damaged"),
    "key without passphrase": (
        lambda one: one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(WORDS)),
        None,
        "a private key closed by a passphrase",
    ),
    "cut certificate": (lambda one: one.leaf_der()[:-9], None, "neither a certificate nor a chain"),
    "cut PEM": (
        lambda one: one.leaf_pem().replace(one.leaf_pem()[100:160], b""),
        None,
        "a certificate that cannot be read",
    ),
    "cut p7b": (
        lambda one: serialize_certificates(list(one.chain), Encoding.DER)[:-9],
        None,
        "a PKCS#7 chain that cannot be read",
    ),
    "a web page": (lambda one: b"<html>session expired</html>", None, "neither a certificate nor a chain"),
    "empty": (lambda one: b"", None, "neither a certificate nor a chain"),
    "enormous": (lambda one: b"x" * (LARGEST + 1), None, "bytes are too many"),
    "a revocation list": (
        lambda one: b"-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n",
        None,
        "a block 'X509 CRL' is nothing that is known here",
    ),
    "the request itself": (
        lambda one: b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n",
        None,
        "this is the request (CSR), not the certificate",
    ),
}


@pytest.mark.parametrize(("made", "passphrase", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_read_says_which_file_and_why(
    issued: Issued, made: Callable[[Issued], bytes], passphrase: bytes | None, said: str
) -> None:
    told = unreadable(made(issued), passphrase)
    assert said in told
    assert told.startswith("the-file: ")


def test_every_unreadable_file_is_named_at_once(issued: Issued) -> None:
    with pytest.raises(PkiError, match=r"one: .*(\n.*)*two: "):
        read([("one", b"x"), ("good", issued.chain_pem()), ("two", b"y")])


def test_authorities_alone_are_no_certificate_of_anybody(issued: Issued) -> None:
    found = arrival.leaf(Arrived(issued.chain[1:]), [])
    assert isinstance(found, Fault)
    assert "only authorities" in found.wrong


def test_among_several_certificates_the_key_decides(issued: Issued) -> None:
    other = authority().issue(REQUEST, key=key(2))
    both = Arrived((other.leaf, issued.leaf))
    assert arrival.leaf(both, [issued.key.public_key()]) == issued.leaf
    found = arrival.leaf(both, [])
    assert isinstance(found, Fault)
    assert "not clear which is meant" in found.wrong


def test_the_chain_is_what_tls_sends_leaf_first_without_the_root(issued: Issued) -> None:
    anchors = x509.load_pem_x509_certificates(authority().anchors_pem())
    everything = (*reversed(issued.chain), authority().root.leaf)
    for others, known in ((everything, ()), ((), anchors), (everything, anchors)):
        made = chained(issued.leaf, others, known)
        assert (made.leaf, made.issuers) == (issued.leaf, (authority().issuing.leaf,))


def test_a_certificate_of_which_a_part_cannot_be_read_is_refused(issued: Issued) -> None:
    rsa_key, oaep = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010107")
    told = unreadable(issued.leaf_der().replace(rsa_key, oaep))
    assert "has parts that cannot be read" in told or "neither a certificate" in told


@cache
def seeds() -> tuple[bytes, ...]:
    one = authority().issue(REQUEST, key=key(1))
    return one.leaf_der(), one.chain_pem(), serialize_certificates(list(one.chain), Encoding.DER), pkcs12(one, b"")


@settings(max_examples=int(os.environ.get("VAGUEMESTRE_EXAMPLES", "60")), deadline=None)
@given(data=st.data())
def test_whatever_arrives_is_read_or_refused_and_never_stumbled_over(data: st.DataObject) -> None:
    """Real files with bytes altered, cut and put together: no other exception, and nothing hangs."""
    content = bytearray(data.draw(st.sampled_from(seeds())))
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)
    ):
        content[place] = byte
    content = content[: data.draw(st.integers(len(content) // 2, len(content)))]
    try:
        arrived = read([("file", bytes(content))])
    except PkiError:
        return
    chosen = arrival.leaf(arrived, [])
    if not isinstance(chosen, Fault):
        list(conformity.profile(Bearer(Kind.SERVER, REQUEST.host, ESTABLISHMENT, "", Secrets(Path())), chosen))
        chained(chosen, arrived.certificates, ())
