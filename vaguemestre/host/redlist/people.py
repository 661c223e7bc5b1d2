"""Follows the directory of mailboxes from a thread: a change there is known here a quarter of a second later.

Each entry bears the number of its last change (entryCSN), and slapd says which changes it has taken in (contextCSN;
draft-chu-ldap-csn, slapo-syncprov(5)). So a look is two searches that find next to nothing. On a replica that is
catching up entries come out of order; its contextCSN moves only when all are there, which is why that is what is
followed. Entries that were removed, which no command of the kit does, are noticed once an hour.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vaguemestre.host.redlist.copy import READ, Copy, Entry
from vaguemestre.host.redlist.correspondents import Trouble
from vaguemestre.host.redlist.decide import PROTECTED
from vaguemestre.host.store import MAILBOXES, SUFFIX

EVERY = 0.25  # seconds between two looks
ALL_AGAIN = 3600.0  # seconds
_PATIENCE = 5  # seconds for slapd to answer
_PAGE = 200  # entries between two pauses: the thread that answers Postfix must not wait for this one
_PAUSE = 0.002  # seconds


class Follower:
    """The thread. `trouble` is told when the directory stops answering, once until it answers again."""

    def __init__(self, copy: Copy, trouble: Trouble, url: str = "ldapi:///") -> None:
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
    with _connected(url) as connection:
        mark, all_at = "", float("-inf")
        while True:
            moment = time.monotonic()
            if moment >= all_at + ALL_AGAIN:
                mark, all_at = _read_all(connection, copy), moment
            else:
                mark = _read_since(connection, copy, mark)
            copy.confirm()
            yield


def protected(url: str, copy: Copy) -> None:
    """Read those who are behind a secretariat, and these secretariats, and nobody else.

    Raises:
        ldap.LDAPError: the directory does not answer or refuses.
    """
    from ldap.filter import escape_filter_chars

    with _connected(url) as connection:
        for entry in _found(connection, f"(&(objectClass=vgmMailbox)(vgmRedList={PROTECTED}))"):
            copy.take(entry)
        for desk in {box.secretariat for _, box in copy.items()} - {""}:
            for entry in _found(connection, f"(&(objectClass=vgmMailbox)(mail={escape_filter_chars(desk)}))"):
                copy.take(entry)


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    import ldap
    import ldap.sasl

    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, _PATIENCE)
    connection.timeout = _PATIENCE
    try:
        connection.sasl_non_interactive_bind_s("EXTERNAL")
        yield connection
    finally:
        connection.unbind_s()


def _read_all(connection: Any, copy: Copy) -> str:
    mark, newest, addresses = _context(connection), "", set()
    for entry in _found(connection, "(objectClass=vgmMailbox)"):
        addresses.add(copy.take(entry))
        newest = max(newest, _csn(entry))
    copy.keep(addresses)
    return mark or newest


def _read_since(connection: Any, copy: Copy, since: str) -> str:
    """What changed after `since`; the entry that bears that very number comes again each time."""
    mark, newest = _context(connection), since
    wanted = f"(&(objectClass=vgmMailbox)(entryCSN>={since}))" if since else "(objectClass=vgmMailbox)"
    for entry in _found(connection, wanted):
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
    """Entries one by one, with pauses: the interpreter belongs to the others too."""
    import ldap

    message = connection.search(MAILBOXES, ldap.SCOPE_ONELEVEL, wanted, list(READ))
    number = 0
    while True:
        kind, data = connection.result(message, all=0, timeout=_PATIENCE)
        if kind == ldap.RES_SEARCH_RESULT:
            return
        for dn, entry in data:
            if dn:
                yield entry
        number += 1
        if number % _PAGE == 0:
            time.sleep(_PAUSE)


def _csn(entry: Entry) -> str:
    return next((value.decode() for value in entry.get("entryCSN", [])), "")
