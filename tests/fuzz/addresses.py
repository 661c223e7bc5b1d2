"""Domains, addresses in SMTP commands, and From headers."""

from __future__ import annotations

import re
from email.headerregistry import Address as Shown
from email.headerregistry import HeaderRegistry
from random import Random

from fuzz.fuzzer import Fuzzer, mutated, seeds
from vaguemestre.host.trust.domains import Address, DomainError, address, bare, domain, header_address

_DOMAIN_WORDS = tuple(
    word.encode()
    for word in (
        ".", "..", "-", "_", "@", "xn--", "XN--", "xn--a", "a" * 63, "é", "ß", "\u3002", "\uff0e", "\u200d", "\u00ad",
        "\u0130", "\u212a", "１", " ", "\u00a0", "\0", "127.0.0.1", "[::1]", "test", "mssante", "٣", "\u202e",
    )
)  # fmt: skip
_COMMAND_WORDS = tuple(
    word.encode()
    for word in (
        "MAIL FROM:", "RCPT TO:", "<", ">", "<>", "@", "@a.test:", ",", ":", '"', "\\", " ", "\t", "\r\n", "\0", "%",
        "!", "[10.0.0.1]", "SIZE=1", "AUTH=<>", "SMTPUTF8", "a@b.test", '"a b"@c.test', "é", "\u00a0", "\uff20",
    )
)  # fmt: skip
_HEADER_WORDS = tuple(
    word.encode()
    for word in (
        "<", ">", "<a@b.test>", "@", ",", ";", ":", "(", ")", '"', "\\", "\r\n ", "\n", "\0", "=?utf-8?q?", "?=", "=40",
        "=?utf-8?b?QA==?=", "=?utf-7?q?+AEA-?=", "=?x?q?a?=", "\uff20", "\u202e", "x@y.test", "%", "[", "]", " ", ".",
        "=?iso-8859-1?Q?=E9?=", "group:", "é", "=?", "=?utf-8*fr?q?=40?=",
    )
)  # fmt: skip
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")
_header = HeaderRegistry()


def _make_domain(draw: Random) -> bytes:
    return mutated(draw, draw.choice(seeds("domains")), _DOMAIN_WORDS)


def _check_domain(case: bytes) -> str:
    text = case.decode(errors="surrogateescape")
    try:
        found = domain(text)
    except DomainError:
        return "refused"
    _check_found(found)
    assert domain(text.upper() if text.isascii() else text) == found
    assert domain(f"{found}.") == found
    return "taken" if text.isascii() else "taken, international"


def _check_found(found: str) -> None:
    labels = found.split(".")
    assert found.isascii()
    assert len(found) <= 253
    assert not labels[-1].isdigit()
    assert all(_LABEL.match(label) and len(label) <= 63 for label in labels), found
    assert domain(found) == found


def _make_command(draw: Random) -> bytes:
    return mutated(draw, draw.choice(seeds("commands")), _COMMAND_WORDS)


def _check_command(case: bytes) -> str:
    text = case.decode(errors="surrogateescape")
    try:
        found = address(text)
    except DomainError:
        return "refused"
    if found is None:
        assert "<>" in text
        return "null sender"
    _check_address(found, text)
    assert bare(str(found)) == found, "Postfix's spelling of it is another address"
    return "taken"


def _make_bare(draw: Random) -> bytes:
    return mutated(draw, draw.choice(seeds("bare")), _COMMAND_WORDS)


def _check_bare(case: bytes) -> str:
    """What stands behind the last @ is where Postfix sends it, whatever the local part pretends to be."""
    text = case.decode(errors="surrogateescape")
    try:
        found = bare(text)
    except DomainError:
        return "refused"
    if found is None:
        assert text == ""
        return "null sender"
    _check_address(found, text)
    assert found.domain == domain(text.rsplit("@", 1)[1])
    return "taken"


def _check_address(found: Address, text: str) -> None:
    _check_found(found.domain)
    assert not set("@%!\0\r\n") & set(found.local), found.local


def _make_header(draw: Random) -> bytes:
    return mutated(draw, draw.choice(seeds("headers")), _HEADER_WORDS)


def _check_header(case: bytes) -> str:
    text = case.decode(errors="surrogateescape")
    try:
        found = header_address(text)
    except DomainError:
        return "refused"
    _check_address(found, text)
    try:
        shown = _as_shown(text)
    except (AttributeError, IndexError):
        return "taken, where the standard library breaks down"
    assert len(shown) == 1, f"others see {shown}"
    assert domain(shown[0].domain) == found.domain, f"others see {shown}"
    assert not _other(shown[0].display_name, f"{shown[0].username}@{shown[0].domain}"), "the name shows another address"
    return "taken"


def _as_shown(text: str) -> tuple[Shown, ...]:
    """What the standard library's parser, which is another one, makes of the header."""
    shown: tuple[Shown, ...] = getattr(_header("From", text.replace("\r\n", "").replace("\n", "")), "addresses", ())
    return shown


def _other(name: str, address: str) -> bool:
    return "@" in name.lower().replace(address.lower(), "")


DOMAINS = Fuzzer("domains", _make_domain, _check_domain, share=10)
COMMANDS = Fuzzer("commands", _make_command, _check_command, share=10)
BARE = Fuzzer("bare", _make_bare, _check_bare, share=10)
HEADERS = Fuzzer("headers", _make_header, _check_header, share=10)
