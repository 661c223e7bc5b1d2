"""Mail domains and addresses, out of SMTP commands and From headers: read in one way only, or not at all.

Domains are compared exactly, as A-labels in lower case (RFC 5890). Whatever two programs could read differently is
refused: source routes (RFC 5321 appendix C), ``user%domain`` and ``host!user``, an @ inside a local part, address
literals, a From header in which a mail client could show another address than the one that was checked.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header
from functools import lru_cache

_OCTETS = 253  # RFC 1035 section 2.3.4: 255 on the wire, with the root's and the first label's length
_LONGEST_ADDRESS = 1000
_LONGEST_HEADER = 4000
_LDH = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_COMMAND = re.compile(r"(?:MAIL FROM|RCPT TO):[ \t]*", re.IGNORECASE)
_PARAMETERS = re.compile(r"(?:[ \t]+[A-Za-z0-9][A-Za-z0-9-]*(?:=[^ \t=\x00-\x1f\x7f][^ \t\x00-\x1f\x7f]*)?)*[ \t]*\Z")
_NOTHING = re.compile(r"\Z")
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"'
_ATOM = r"[^\s\x00-\x20\x7f()<>\[\]:;@\\,\"%!]+"
_PATH = re.compile(rf"(?P<local>{_QUOTED}|{_ATOM})@(?P<domain>[^\s\x00-\x20\x7f()<>\[\]:;@\\,\"]+)")
_PHRASE = re.compile(rf"(?:{_QUOTED}|[^\"\\<>@,;:()\[\]\x00-\x08\x0a-\x1f\x7f])*\Z")
_UNUSABLE_LOCAL = re.compile(r"[\x00-\x1f\x7f@%!]")
_WORD = re.compile(r"=\?[^?]*\?[bq]\?(.*?)\?=", re.IGNORECASE)
_AT_SIGNS = frozenset("@\uff20\ufe6b")
_UNSHOWN = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


class DomainError(ValueError):
    """A domain or an address that cannot be used; `str()` says why, without the address itself."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mail address: its local part as written (quotes resolved), its domain as A-labels in lower case."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


@lru_cache(maxsize=8192)
def domain(text: str) -> str:
    """The domain as A-labels in lower case, without a final dot; raises DomainError.

    Names that are not ASCII, and A-labels, go through IDNA 2008 with the mapping of UTS #46.
    """
    if len(text) > _OCTETS + 1:
        raise DomainError("a domain has 253 octets at most")
    name = text.lower() if text.isascii() else text
    if not name.isascii() or "xn--" in name:
        name = _idna(name)
    name = name.removesuffix(".")
    if len(name) > _OCTETS or _LDH.match(name) is None:
        raise DomainError("this is no domain name")
    if name.rpartition(".")[2].isdigit():
        raise DomainError("this is an IP address, no domain name")
    return name


def address(text: str) -> Address | None:
    """The address in an SMTP command (``MAIL FROM:<a@b> SIZE=1``) or a path (``<a@b>``); None is the null sender.

    Raises DomainError for what is unusable.
    """
    if len(text) > _LONGEST_ADDRESS:
        raise DomainError("the address is too long")
    command = _COMMAND.match(text)
    path = text[command.end() :] if command else text
    if not path.startswith("<"):
        raise DomainError("the address is not in angle brackets")
    return _path(path, _PARAMETERS if command else _NOTHING)


def bare(text: str) -> Address | None:
    """The address as Postfix itself writes it (policy delegation, tables): ``a@b``; None is the null sender, empty.

    Quoted local parts stand there without their quotes. So what looks like a command or a path here is somebody's
    local part, and reading it as one would let him choose the domain that is checked: it is another function's work.
    Raises DomainError for what is unusable.
    """
    if len(text) > _LONGEST_ADDRESS:
        raise DomainError("the address is too long")
    if not text:
        return None
    local, _, name = text.rpartition("@")
    if not local or _UNUSABLE_LOCAL.search(local):
        raise DomainError("this is not one address")
    return Address(local, domain(name))


def header_address(value: str) -> Address:
    """The one address of a From header's value; raises DomainError when another could be seen in it.

    Taken: ``a@b``, ``<a@b>``, ``Name <a@b>`` (RFC 5322 section 3.4), the name in atoms, quotes or encoded words (RFC
    2047). Refused: several addresses, groups, comments, an encoded address, a name with brackets or with an address
    other than the one that follows.
    """
    if len(value) > _LONGEST_HEADER:
        raise DomainError("the header is too long")
    text = re.sub(r"\r?\n(?=[ \t])", "", value).strip(" \t")
    if any(c in text for c in "\r\n\x00"):
        raise DomainError("the header has line ends or NULs")
    name, bracket, rest = text.rpartition("<")
    found = _PATH.fullmatch(rest.removesuffix(">"))
    if found is None or rest.endswith(">") != bool(bracket) or "=?" in rest or found["domain"].endswith("."):
        raise DomainError("the header does not hold exactly one address")
    one = _address(found)
    _check_name(name, found[0])
    return one


def _idna(text: str) -> str:
    import idna

    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode()
    except (UnicodeError, IndexError) as error:
        raise DomainError("this is no international domain name") from error


def _path(path: str, tail: re.Pattern[str]) -> Address | None:
    if path.startswith("<>"):
        found, end = None, 2
    else:
        found = _PATH.match(path, 1)
        end = found.end() + 1 if found else 0
    if not end or path[end - 1 : end] != ">" or tail.match(path, end) is None:
        raise DomainError("this is not one address")
    return _address(found) if found else None


def _address(found: re.Match[str]) -> Address:
    local = found["local"]
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    if not local or re.search("[@%!]", local):
        raise DomainError("the local part names a way or another domain")
    return Address(local, domain(found["domain"]))


def _check_name(name: str, written: str) -> None:
    """A name may repeat the address that follows, as Outlook does, but must not show another."""
    if _PHRASE.match(name) is None:
        raise DomainError("the name before the address is not one name")
    for shown in (name, _decoded(name)):
        if any(c in "<>" or (unicodedata.category(c) == "Cc" and c != "\t") for c in shown):
            raise DomainError("the name has brackets or control characters")
        if any(unicodedata.bidirectional(c) in _UNSHOWN for c in shown):
            raise DomainError("the name turns the direction of writing")
        if not _AT_SIGNS.isdisjoint(_without(shown, written)):
            raise DomainError("the name shows another address")


def _without(shown: str, address: str) -> str:
    """What is shown besides the address itself, where it stands alone."""
    return re.sub(rf"(?<![^\s\"'(]){re.escape(address)}(?![^\s\"')])", "", shown, flags=re.IGNORECASE)


def _decoded(name: str) -> str:
    """What a mail client shows, encoded words resolved wherever they stand, in quotes too.

    A word ends with the first ``?=`` for some programs, and holds no ``?`` for others (RFC 2047 section 2): one that is
    not properly ended swallows the next for the former, and the latter show it.
    """
    if any("?" in text for text in _WORD.findall(name)):
        raise DomainError("an encoded word hides another")
    try:
        shown = "".join(_said(piece, charset) for piece, charset in decode_header(name))
    except (MessageError, LookupError, ValueError) as error:
        raise DomainError("an encoded word cannot be read") from error
    if "=?" in shown:
        raise DomainError("an encoded word does not end, or hides another")
    return shown


def _said(piece: str | bytes, charset: str | None) -> str:
    """A piece as `decode_header` gives it; the language of RFC 2231 section 5 is left out."""
    if isinstance(piece, str):
        return piece
    return piece.decode(charset.partition("*")[0] if charset else "raw-unicode-escape")
