"""A person's filter (Sieve), kept as a mail program keeps it: by ManageSieve (RFC 5804), over TLS."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from vaguemestre.verify.correspondent import Correspondent, client_context

PORT = 4190
_NAME = "verification"


class FilterError(Exception):
    """The server refuses a command; `str()` is the command's beginning and the answer."""


@contextmanager
def filtering(person: Correspondent, script: str) -> Iterator[None]:
    """While the block runs, `script` is the person's active filter; afterwards there is none.

    Raises:
        FilterError: the server refuses a step.
    """
    keep(person, script)
    try:
        yield
    finally:
        _converse(person, 'SETACTIVE ""', f'DELETESCRIPT "{_NAME}"')


def keep(person: Correspondent, script: str) -> None:
    """Make `script` the person's active filter.

    Raises:
        FilterError: the server refuses a step.
    """
    _converse(person, f'PUTSCRIPT "{_NAME}" {{{len(script.encode())}+}}\r\n{script}', f'SETACTIVE "{_NAME}"')


def _converse(person: Correspondent, *commands: str) -> None:
    credentials = base64.b64encode(f"\0{person.address}\0{person.password}".encode()).decode()
    with socket.create_connection((person.ip, PORT), timeout=20) as plain:
        stream = plain.makefile("rb")
        _say(plain, stream, "")
        _say(plain, stream, "STARTTLS")
        with client_context(person.anchors).wrap_socket(plain, server_hostname=person.host) as tls:
            stream = tls.makefile("rb")
            for command in ("", f'AUTHENTICATE "PLAIN" "{credentials}"', *commands):
                _say(tls, stream, command)


def _say(session: socket.socket, stream: IO[bytes], command: str) -> None:
    if command:
        session.sendall(f"{command}\r\n".encode())
    said = b""
    while not said.startswith((b"OK", b"NO", b"BYE")):
        said = stream.readline()
        if not said:
            raise FilterError(f"hung up at {command[:20]!r}")
    if not said.startswith(b"OK"):
        raise FilterError(f"{command[:20]!r} is answered {said!r}")
