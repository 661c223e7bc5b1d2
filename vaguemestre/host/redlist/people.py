"""Follows the directory of mailboxes from a thread: a change there is known here a quarter of a second later.

Each entry bears the number of its last change (entryCSN), and slapd says which changes it has taken in (contextCSN;
draft-chu-ldap-csn, slapo-syncprov(5)). So a look is two searches that find next to nothing. On a replica that is
catching up entries come out of order; its contextCSN moves only when all are there, which is why that is what is
followed. Entries that were removed, which no command of the kit does, are noticed once an hour, little by little.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from vaguemestre.host.ldapi import NO_PAUSES, URL, connected
from vaguemestre.host.mailboxes.store import MAILBOXES, SUFFIX
from vaguemestre.host.redlist.copy import READ, Copy, Entry
from vaguemestre.host.redlist.correspondents import Trouble
from vaguemestre.host.redlist.decide import PROTECTED

EVERY = 0.25  # seconds between two looks
ALL_AGAIN = 3600.0  # seconds
_PATIENCE = 5  # seconds for slapd to answer
_PAGE = 200  # entries between two looks, of those that are only looked over


class Follower:
    """The thread. `trouble` is told when the directory stops answering, once until it answers again."""

    def __init__(self, copy: Copy, trouble: Trouble, url: str = URL) -> None:
        self._copy = copy
        self._trouble = trouble
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="people", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """It is not waited for: it may wait for slapd."""
        self._ended.set()

    def _follow(self) -> None:
        import ldap

        told = False
        while not self._ended.is_set():
            try:
                for _ in looks(self._url, self._copy):
                    told = False
                    if self._ended.wait(EVERY):
                        return
            except (ldap.LDAPError, OSError, ValueError) as error:
                if not told:
                    self._trouble("people", str(error))
                told = True
                self._ended.wait(EVERY)


def looks(url: str, copy: Copy) -> Iterator[None]:
    """Bring the copy up to date, once for each step of this iterator, over one connection.

    Raises:
        ldap.LDAPError: the directory does not answer or refuses.
    """
    with connected(url, _PATIENCE, NO_PAUSES) as connection:
        removed, again_at = Removed(connection, copy), time.monotonic() + ALL_AGAIN
        while True:
            copy.mark = _read_since(connection, copy, copy.mark) if copy.mark else _read_all(connection, copy)
            copy.confirm()
            yield
            if time.monotonic() >= again_at and removed.step():
                removed, again_at = Removed(connection, copy), time.monotonic() + ALL_AGAIN


class Removed:
    """Looks for entries that are gone, a page at a time between two looks at what changed."""

    def __init__(self, connection: Any, copy: Copy) -> None:
        self._connection = connection
        self._copy = copy
        self._message: int | None = None
        self._before: set[str] = set()
        self._there: set[str] = set()

    def step(self) -> bool:
        """Read some more; whether that was all, and what is gone is forgotten. New ones meanwhile are not gone."""
        import ldap

        if self._message is None:
            self._before = {address for address, _ in self._copy.items()}
            wanted = "(objectClass=vgmMailbox)"
            self._message = self._connection.search(MAILBOXES, ldap.SCOPE_ONELEVEL, wanted, ["mail"])
        for _ in range(_PAGE):
            kind, data = self._connection.result(self._message, all=0, timeout=_PATIENCE)
            if kind == ldap.RES_SEARCH_RESULT:
                self._copy.forget(self._before - self._there)
                return True
            self._there.update(entry["mail"][0].decode() for dn, entry in data if dn)
        return False


def protected(url: str, copy: Copy) -> None:
    """Read those who are behind a secretariat, and these secretariats, and nobody else.

    Raises:
        ldap.LDAPError: the directory does not answer or refuses.
    """
    from ldap.filter import escape_filter_chars

    with connected(url, _PATIENCE) as connection:
        for entry in _found(connection, f"(&(objectClass=vgmMailbox)(vgmRedList={PROTECTED}))"):
            copy.take(entry)
        for desk in {box.secretariat for _, box in copy.items()} - {""}:
            for entry in _found(connection, f"(&(objectClass=vgmMailbox)(mail={escape_filter_chars(desk)}))"):
                copy.take(entry)


def _read_all(connection: Any, copy: Copy) -> str:
    mark, newest = _context(connection), ""
    for entry in _found(connection, "(objectClass=vgmMailbox)"):
        copy.take(entry)
        newest = max(newest, _csn(entry))
    return mark or newest


def _read_since(connection: Any, copy: Copy, since: str) -> str:
    """What changed after `since`; the entry that bears that very number comes again each time. A directory that was put
    back from a backup is older than what was read of it: then all of it counts."""
    mark, newest = _context(connection), since
    if mark and mark < since:
        return _read_all(connection, copy)
    for entry in _found(connection, f"(&(objectClass=vgmMailbox)(entryCSN>={since}))"):
        copy.take(entry)
        newest = max(newest, _csn(entry))
    return mark or newest


def _context(connection: Any) -> str:
    """What slapd has taken in, whole; "" where no overlay keeps count of it."""
    import ldap

    try:
        found = connection.search_s(SUFFIX, ldap.SCOPE_BASE, "(objectClass=*)", ["contextCSN"])
    except ldap.NO_SUCH_OBJECT:
        return ""
    values = found[0][1].get("contextCSN", []) if found else []
    return max((value.decode() for value in values), default="")


def _found(connection: Any, wanted: str) -> Iterator[Entry]:
    """Entries one by one: between two, the interpreter is the others'."""
    import ldap

    message = connection.search(MAILBOXES, ldap.SCOPE_ONELEVEL, wanted, list(READ))
    while True:
        kind, data = connection.result(message, all=0, timeout=_PATIENCE)
        if kind == ldap.RES_SEARCH_RESULT:
            return
        for dn, entry in data:
            if dn:
                yield entry


def _csn(entry: Entry) -> str:
    return next((value.decode() for value in entry.get("entryCSN", [])), "")
