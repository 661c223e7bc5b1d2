"""Distinguished names: as text of the white list, and as certificates carry them."""

from __future__ import annotations

import unicodedata
import warnings
from collections import Counter
from random import Random

from cryptography import x509

from fuzz.fuzzer import Fuzzer, mutated, seeds
from vaguemestre.host.trust import dn

_WORDS = tuple(
    word.encode()
    for word in (
        "CN=", ",OU=", ",O=", ",ST=", ",L=", ",C=FR", "+", ";", ",", "=", '"', "\\", "\\,", '\\"', "\\00", "\\c3\\a9",
        "#04", " ", "\u00a0", "\n", "\u200b", "\u212a", "\u202e", "\u0130", "e\u0301", "é", "2.5.4.3=", "OID.2.5.4.10=",
        "mx.test", "1990000001", "Paris (75)", "Paris(75)", "DC=", "E=", "\u2028", "\ufeff",
    )
)  # fmt: skip
_seen: dict[bytes, int] = {}
_MOST_SEEN = 300_000


def make(draw: Random) -> bytes:
    return mutated(draw, draw.choice(seeds("names")), _WORDS)


def check(case: bytes) -> str:
    text = case.decode(errors="surrogateescape")
    try:
        key = dn.key(text)
    except dn.DnError:
        return "refused"
    parts = dn.parse(text)
    assert len(key) == 16
    assert dn.key(_respelt(parts)) == key, "another spelling has another key"
    _check_collision(key, _plain(parts))
    return _check_certificate(parts, key)


def _respelt(parts: dn.Parts) -> str:
    """The other way round, with dirt."""
    swap = {"L": "ST", "ST": "L"}
    rdns = [
        " + ".join(f' {swap.get(kind, kind).lower()} =\u00a0"{_quoted(value)}" ' for kind, value in rdn)
        for rdn in reversed(parts)
    ]
    return "\n,".join(rdns)


def _quoted(value: str) -> str:
    return "".join(f"\\{c}" if c in '"\\' else f" {c}" for c in value)


def _plain(parts: dn.Parts) -> object:
    """What two names must have in common to be one, said another way than the code does."""
    return frozenset(Counter(frozenset(Counter(_attribute(*one) for one in rdn).items()) for rdn in parts).items())


def _attribute(kind: str, value: str) -> tuple[str, str]:
    letters = (c for c in value if not c.isspace() and c != '"' and unicodedata.category(c) != "Cf")
    return "ST" if kind == "L" else kind, "".join(c.lower() for c in unicodedata.normalize("NFC", "".join(letters)))


def _check_collision(key: bytes, plain: object) -> None:
    if len(_seen) < _MOST_SEEN:
        assert _seen.setdefault(key, hash(plain)) == hash(plain), "two names have one key"


def _check_certificate(parts: dn.Parts, key: bytes) -> str:
    warnings.simplefilter("ignore")  # about lengths: what strangers send has any
    try:
        name = _certificate_name(parts)
    except ValueError:  # an OID that no certificate could carry
        return "taken as text only"
    written = dn.text_of(name)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in written), "unfit for a log"
    try:
        of_certificate = dn.key_of(name)
    except dn.DnError:
        return "taken as text only"
    if len(name.rdns) == len(parts):
        assert of_certificate == key, "text and certificate disagree"
    assert dn.key(written) == of_certificate, "what is logged is not what was seen"
    return "taken"


def _certificate_name(parts: dn.Parts) -> x509.Name:
    """The name in DER order; RDNs that say the same twice, which DER cannot, are left out."""
    return x509.Name(
        [
            x509.RelativeDistinguishedName(
                x509.NameAttribute(x509.ObjectIdentifier(dn._TYPES.get(kind, kind)), value, _validate=False)
                for kind, value in rdn
            )
            for rdn in reversed(parts)
            if len(set(rdn)) == len(rdn)
        ]
    )


FUZZER = Fuzzer("names", make, check, share=30)
