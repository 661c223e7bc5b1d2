"""The address book as a mail program asks it: LDAP version 3 (RFC 4511) over TLS, one connection for each question.

Just what verification needs: a login by password or none, and a search for one value of one attribute. Anchors and name
of the server are checked as mail programs do.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.verify.correspondent import client_context

PORT = 636
BASE = "o=vaguemestre"
SECONDS = 15

Entry = dict[str, tuple[str, ...]]
"""Attribute in lower case -> values."""

_SUCCESS, _NO_SUCH_OBJECT, _WRONG_PASSWORD = 0, 32, 49


class AddressBookError(Exception):
    """The server answers with an error; `code` is LDAP's result code."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"LDAP result {code}: {words}")
        self.code = code


@dataclass(frozen=True)
class AddressBook:
    """The directory of a host: `name` is what its certificate must bear, `ip` where it is reached."""

    name: str
    ip: str
    anchors: Path

    def find(self, address: str, login: str = "", password: str = "") -> Entry | None:
        """What is shown of this mailbox, to anybody or to the holder of the mailbox `login`.

        Raises:
            AddressBookError: the login is refused, or the search.
        """
        entries = self.search("mail", address, login, password)
        return entries[0] if entries else None

    def search(self, attribute: str, value: str, login: str = "", password: str = "") -> list[Entry]:
        """The entries, ten at most, with this value.

        Raises:
            AddressBookError: the login is refused, or the search.
        """
        plain = socket.create_connection((self.ip, PORT), timeout=SECONDS)
        with client_context(self.anchors).wrap_socket(plain, server_hostname=self.name) as tls:
            answers = _messages(tls)
            if login:
                tls.sendall(_message(1, _bind(_entry_of(login), password)))
                _outcome(next(answers))
            tls.sendall(_message(2, _search(attribute, value)))
            return list(_entries(answers))


def _entry_of(address: str) -> str:
    return f"mail={address},ou=mailboxes,{BASE}"


def _entries(answers: Iterator[tuple[int, bytes]]) -> Iterator[Entry]:
    for kind, content in answers:
        if kind == 0x64:  # SearchResultEntry
            yield _entry(content)
        elif kind == 0x65:  # SearchResultDone
            _outcome((kind, content), also=_NO_SUCH_OBJECT)
            return


def _entry(content: bytes) -> Entry:
    _, (_, attributes) = _parts(content)
    pairs = (_parts(attribute) for _, attribute in _parts(attributes))
    return {name.decode().lower(): tuple(text.decode() for _, text in _parts(texts)) for (_, name), (_, texts) in pairs}


def _outcome(answer: tuple[int, bytes], also: int = _SUCCESS) -> None:
    (_, code), (_, _), (_, words), *_ = _parts(answer[1])
    if int.from_bytes(code, "big") not in (_SUCCESS, also):
        raise AddressBookError(int.from_bytes(code, "big"), words.decode(errors="replace"))


def _bind(name: str, password: str) -> bytes:
    return _value(0x60, _number(3) + _text(name) + _value(0x80, password.encode()))


def _search(attribute: str, value: str) -> bytes:
    """Below BASE, whole subtree; ten entries in ten seconds; every attribute that is shown."""
    equal = _value(0xA3, _text(attribute) + _text(value))
    limits = _number(10) + _number(10) + _value(0x01, b"\x00")
    return _value(
        0x63, _text(BASE) + _value(0x0A, b"\x02") + _value(0x0A, b"\x00") + limits + equal + _value(0x30, b"")
    )


def _message(number: int, operation: bytes) -> bytes:
    return _value(0x30, _number(number) + operation)


def _messages(stream: ssl.SSLSocket) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each operation that the server sends."""
    with stream.makefile("rb") as answers:
        while head := answers.read(2):
            size = head[1]
            if size & 0x80:
                size = int.from_bytes(answers.read(size & 0x7F), "big")
            _, operation, *_ = _parts(answers.read(size))
            yield operation
    raise AddressBookError(-1, "the server hung up")


# BER (X.690), as far as LDAP uses it: a tag, the length, the content.
def _value(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    written = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(written))) + written + content


def _text(text: str) -> bytes:
    return _value(0x04, text.encode())


def _number(number: int) -> bytes:
    return _value(0x02, number.to_bytes(1, "big"))


def _parts(content: bytes) -> list[tuple[int, bytes]]:
    """The values that stand one after the other."""
    found, at = [], 0
    while at < len(content):
        tag, size, at = content[at], content[at + 1], at + 2
        if size & 0x80:
            more = size & 0x7F
            size, at = int.from_bytes(content[at : at + more], "big"), at + more
        found.append((tag, content[at : at + size]))
        at += size
    return found
