"""The branch of national mailboxes in the running slapd, over its Unix socket, as the account vgm-annuaire.

Writes are sent without waiting for each other's answer, a window of them at a time. slapd brings each to the disk
before it answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from vaguemestre.host.annuaire.delta import Add, Delete, Done, Modify, Operation
from vaguemestre.host.annuaire.digest import Record
from vaguemestre.host.annuaire.entry import CLASS, Attributes
from vaguemestre.host.ldapi import URL, connected
from vaguemestre.host.mailboxes.store import NATIONAL

SECONDS = 60
"""For slapd to answer one question. A full disk of a slow machine takes some seconds to write."""

WINDOW = 4
"""Writes on their way: slapd does one after the other, and with half its threads taken it complains in the log."""


class BranchError(Exception):
    """slapd does not answer, or does not let us; the text holds its own words."""


class Branch:
    """Made by `opened`. Its entries are those of `annuaire.entry`; what it says of itself is the mark of `delta`."""

    def __init__(self, connection: Any) -> None:
        self._ldap = connection

    def mark(self) -> str | None:
        """What the branch says that it holds; empty while it is being written or was never; None: there is none."""
        import ldap

        try:
            found = self._ldap.search_ext_s(NATIONAL, ldap.SCOPE_BASE, "(objectClass=*)", ["description"])
        except ldap.NO_SUCH_OBJECT:
            return None
        return next((value.decode() for value in found[0][1].get("description", ())), "")

    def note(self, mark: str) -> None:
        """Have the branch say what it holds; empty: it is being written."""
        import ldap

        self._ldap.modify_s(NATIONAL, [(ldap.MOD_REPLACE, "description", [mark.encode()] if mark else None)])

    def records(self) -> Iterator[Record]:
        """Address and fingerprint of every entry, in no order."""
        import ldap

        asked = self._ldap.search_ext(
            NATIONAL, ldap.SCOPE_ONELEVEL, f"(objectClass={CLASS})", ["mail", "vgmFingerprint"]
        )
        kind = ldap.RES_SEARCH_ENTRY
        while kind != ldap.RES_SEARCH_RESULT:
            kind, found = self._ldap.result(asked, all=0, timeout=SECONDS)
            for _, attributes in found if kind == ldap.RES_SEARCH_ENTRY else ():
                yield Record(attributes["mail"][0].decode(), attributes["vgmFingerprint"][0].decode())

    def there(self, addresses: Iterable[str]) -> dict[str, Attributes]:
        """The entries of these addresses that are there, by address: a few hundred at most in one question."""
        import ldap
        from ldap.filter import escape_filter_chars

        terms = "".join(f"(mail={escape_filter_chars(one)})" for one in addresses)
        found = self._ldap.search_ext_s(NATIONAL, ldap.SCOPE_ONELEVEL, f"(|{terms})", ["*"])
        return {attributes["mail"][0].decode(): _texts(attributes) for _, attributes in found}

    def do(self, operations: Iterable[Operation], done: Done) -> None:
        """Do them and count; one that slapd has something against is counted and passed over.

        Raises:
            ldap.LDAPError: slapd is gone, full or busy; what was sent may have been done or not.
        """
        sent: deque[tuple[int, Operation]] = deque()
        for one in operations:
            sent.append((self._send(one), one))
            if len(sent) >= WINDOW:
                self._settle(*sent.popleft(), done)
        while sent:
            self._settle(*sent.popleft(), done)

    def _send(self, one: Operation) -> int:
        import ldap

        number: int
        if isinstance(one, Add):
            number = self._ldap.add_ext(one.name, [(name, _octets(texts)) for name, texts in one.attributes.items()])
        elif isinstance(one, Modify):
            changes = [(ldap.MOD_REPLACE, name, _octets(texts) or None) for name, texts in one.attributes.items()]
            number = self._ldap.modify_ext(one.name, changes)
        else:
            number = self._ldap.delete_ext(one.name)
        return number

    def _settle(self, number: int, one: Operation, done: Done) -> None:
        import ldap

        try:
            self._ldap.result(number, timeout=SECONDS)
        except ldap.NO_SUCH_OBJECT:
            if not isinstance(one, Delete):
                done.refuse("it is gone")
        except _refusals() as error:
            done.refuse(words(error))
        else:
            done.count(one)


@contextmanager
def opened(uri: str = URL) -> Iterator[Branch]:
    """The branch, as whoever this process is to slapd.

    Raises:
        BranchError: slapd is not there, or refuses something within the block.
    """
    import ldap

    try:
        with connected(uri, SECONDS) as connection:
            yield Branch(connection)
    except ldap.LDAPError as error:
        raise BranchError(f"the directory (slapd): {words(error)}") from error


def words(error: Exception) -> str:
    """slapd's own, without what is anybody's: its `info` may quote a value."""
    facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return str(facts.get("desc") or type(error).__name__)


def _refusals() -> tuple[type[Exception], ...]:
    """What slapd may have against one entry; anything else is against us, or slapd's own trouble."""
    import ldap

    return (
        ldap.ALREADY_EXISTS,
        ldap.CONSTRAINT_VIOLATION,
        ldap.INVALID_DN_SYNTAX,
        ldap.INVALID_SYNTAX,
        ldap.NAMING_VIOLATION,
        ldap.OBJECT_CLASS_VIOLATION,
        ldap.TYPE_OR_VALUE_EXISTS,
        ldap.UNDEFINED_TYPE,
    )


def _octets(texts: Sequence[str]) -> list[bytes]:
    return [one.encode() for one in texts]


def _texts(attributes: dict[str, list[bytes]]) -> Attributes:
    return {name: [one.decode() for one in values] for name, values in attributes.items()}
