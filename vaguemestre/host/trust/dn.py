"""Distinguished names: one key for every spelling of the same name, and never one key for two names.

The white list writes names as text, most specific part first (RFC 2253, RFC 4514), by hand and with dirt: blanks after
commas and at ends, doubled blanks, no-break blanks, ``ST=Paris(75)``, ``L=`` for ``ST=``, quotes here and not there.
Certificates carry them as DER, the other way round. `key` and `key_of` forgive that dirt and nothing else: order of the
parts, case, blanks, double quotes, and L for ST. Every part counts, OU and CN as much as the rest.

What a certificate may not carry, because no person would see it: control and format characters (RFC 5280 knows no
reason for them; a NUL once ended names early), values that are no text, letters that turn ASCII when normalised.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from vaguemestre.host.trust.values import DnKey

if TYPE_CHECKING:
    from cryptography import x509

Part = tuple[str, str]
"""An attribute: its type as `_TYPES` spells it or a dotted OID, and its value as written, quotes resolved."""

Parts = tuple[tuple[Part, ...], ...]
"""A name: its RDNs in the order they were written; most have one attribute (RFC 4514 section 2)."""

_MOST = 4096  # characters; the longest real one has about 150

# RFC 4514 section 3, RFC 4519, and the short names that OpenSSL and Java write.
_TYPES = {
    "CN": "2.5.4.3", "SN": "2.5.4.4", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8",
    "STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11", "TITLE": "2.5.4.12", "GN": "2.5.4.42",
    "ORGANIZATIONIDENTIFIER": "2.5.4.97", "UID": "0.9.2342.19200300.100.1.1", "DC": "0.9.2342.19200300.100.1.25",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
}  # fmt: skip
_ALIASES = {"S": "ST", "E": "EMAILADDRESS", "EMAIL": "EMAILADDRESS", "SURNAME": "SN", "GIVENNAME": "GN"}
_BY_OID = {oid: name for name, oid in _TYPES.items()}
_OID = re.compile(r"(?:OID\.)?([012](?:\.(?:0|[1-9][0-9]{0,8})){1,20})\Z")
_HEAD = re.compile(r"\s*(?P<type>[A-Za-z0-9.-]+)\s*=\s*(?P<rest>#?)")
_TOKEN = re.compile(r'(?P<pairs>(?:\\[0-9A-Fa-f]{2})+)|\\(?P<one>[ "#+,;<=>\\])|(?P<mark>["+,;])|(?P<text>[^"+,;\\]+)')
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_LINE_BLANKS = frozenset("\t\n\v\f\r\x85")


class DnError(ValueError):
    """A distinguished name that cannot be used; `str()` says why, without the name itself."""


def key(text: str) -> DnKey:
    """The key of a name written as text (RFC 4514); raises DnError.

    Text comes from the signed list, where people typed: line ends count as blanks, and what nobody sees (category Cf)
    as nothing.
    """
    return _key(tuple(tuple((kind, _without_unseen(value)) for kind, value in rdn) for rdn in parse(text)))


def key_of(name: x509.Name) -> DnKey:
    """The key of a certificate's name; raises DnError for one that is empty or has what a person cannot see."""
    return _key(tuple(tuple((_kind(a.oid.dotted_string), _seen(a.value)) for a in rdn) for rdn in name.rdns))


@lru_cache(maxsize=2048)
def parse(text: str) -> Parts:
    """The parts of a name written as text; raises DnError for what RFC 4514 and the list's known dirt do not explain.

    A double quote opens or closes a quotation wherever it stands, since organisations write their own unescaped;
    within one, separators are text.
    """
    if len(text) > _MOST:
        raise DnError("the name is too long")
    rdns: list[tuple[Part, ...]] = []
    rdn: list[Part] = []
    for part, end in _attributes(text):
        rdn.append(part)
        if end != "+":
            rdns.append(tuple(rdn))
            rdn = []
    return tuple(rdns)


def text_of(name: x509.Name) -> str:
    """A certificate's name as RFC 4514 writes it, fit for one line of a log whatever is in it; never raises."""
    return ",".join("+".join(_written(a.oid.dotted_string, a.value) for a in rdn) for rdn in reversed(name.rdns))


def values(text: str, kind: str) -> tuple[str, ...]:
    """The values of one type ("CN", "O"...) in a name written as text, blanks tidied; raises DnError."""
    return tuple(" ".join(_without_unseen(value).split()) for rdn in parse(text) for k, value in rdn if k == kind)


def common_name(name: x509.Name) -> str | None:
    """A certificate's CN as it is written; None when it has none, several, or one that is no text."""
    found = [a.value for rdn in name.rdns for a in rdn if a.oid.dotted_string == _TYPES["CN"]]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else None


def _key(parts: Parts) -> DnKey:
    """Counts and lengths stand before what they are of, so that no value can pass for a separator and two values."""
    rdns = sorted(f"{len(rdn)}+" + "".join(sorted(_canonical(kind, value) for kind, value in rdn)) for rdn in parts)
    if not rdns:
        raise DnError("the name is empty")
    return hashlib.sha256("".join(rdns).encode()).digest()[:16]


@lru_cache(maxsize=4096)
def _canonical(kind: str, value: str) -> str:
    """One attribute without what spellings differ in; the list writes L where certificates have ST, and the reverse."""
    bare = "".join(value.replace('"', "").split())
    bare = bare.lower() if bare.isascii() else _composed(bare)
    if _unseen(bare):
        raise DnError("the name has characters that cannot be seen")
    if not bare:
        raise DnError("a part of the name is empty")
    return f"{'ST' if kind == 'L' else kind}={len(bare)}:{bare}"


def _composed(value: str) -> str:
    """Letters and their accents made one, in lower case; by letter, since a Greek sigma depends on its neighbours."""
    if any(_turns_ascii(c) for c in value):
        raise DnError("the name has a letter that would pass for another")
    return "".join(c.lower() for c in unicodedata.normalize("NFC", value))


def _turns_ascii(character: str) -> bool:
    """KELVIN SIGN becomes a K and GREEK QUESTION MARK a semicolon, by Unicode's own rules."""
    return not character.isascii() and any(c.isascii() for c in unicodedata.normalize("NFC", character).lower())


def _unseen(value: str) -> bool:
    """Whether it has what no person would see: control, format, lone surrogate, line and paragraph ends."""
    return not value.isprintable() and any(unicodedata.category(c) in _UNSEEN for c in value)


def _without_unseen(value: str) -> str:
    if value.isprintable():
        return value
    return "".join(" " if c in _LINE_BLANKS else c for c in value if unicodedata.category(c) != "Cf")


def _seen(value: str | bytes) -> str:
    if not isinstance(value, str):
        raise DnError("a part of the name is no text")
    if _unseen(value):
        raise DnError("the name has characters that cannot be seen")
    return value


def _attributes(text: str) -> Iterator[tuple[Part, str]]:
    """Each ``type=value`` with the separator that ends it, empty at the end of the text."""
    at, end = 0, ","
    while end:
        head = _HEAD.match(text, at)
        if head is None:
            raise DnError("a part of the name has no type")
        if head["rest"]:
            raise DnError("values written as #hexadecimal are not taken")
        value, end, at = _value(text, head.end())
        yield (_kind(head["type"]), value), end


def _value(text: str, at: int) -> tuple[str, str, int]:
    """The value that begins at `at`, the separator that ends it, and where the next attribute begins."""
    said: list[str] = []
    quoted = False
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise DnError("a backslash is followed by nothing it can stand for")
        at = token.end()
        if token["mark"] == '"':
            quoted = not quoted
        elif token["mark"] and not quoted:
            return "".join(said), token["mark"], at
        else:
            said.append(_unescaped(token["pairs"]) if token["pairs"] else token["one"] or token[0])
    if quoted:
        raise DnError("a quotation does not end")
    return "".join(said), "", at


def _unescaped(pairs: str) -> str:
    try:
        return bytes.fromhex(pairs.replace("\\", "")).decode()
    except UnicodeDecodeError as error:
        raise DnError("hexadecimal pairs that are not UTF-8") from error


def _kind(written: str) -> str:
    name = written.upper()
    name = _ALIASES.get(name, name)
    if name in _TYPES:
        return name
    oid = _OID.match(name)
    if oid is None:
        raise DnError("the name has a part of an unknown type")
    return _BY_OID.get(oid[1], oid[1])


def _written(oid: str, value: str | bytes) -> str:
    kind = _BY_OID.get(oid, oid)
    if not isinstance(value, str):
        return f"{kind}=#{value.hex()}"
    inner = "".join(map(_escaped, value))
    first = "\\" if inner[:1] in ("#", " ") else ""
    last = "\\ " if inner.endswith(" ") and len(inner) > 1 else inner[-1:]
    return f"{kind}={first}{inner[:-1]}{last}"


def _escaped(character: str) -> str:
    if character in '",+;<>\\=':
        return f"\\{character}"
    if _unseen(character):
        return "".join(f"\\{byte:02x}" for byte in character.encode(errors="surrogatepass"))
    return character
