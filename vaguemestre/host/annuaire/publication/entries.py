"""Our mailboxes as publication may read them: slapd over its Unix socket, the account proven by the kernel.

What it may not read looks like what is not there. So an entry without its type or state is an error, not a mailbox to
be withdrawn.
"""

from __future__ import annotations

from typing import Any

from vaguemestre.host.ldapi import URL, connected, words
from vaguemestre.host.mailboxes.bal import KINDS, STATES, Mailbox
from vaguemestre.host.mailboxes.store import ATTRIBUTES, MAILBOXES

PUBLISHED = (
    "address",
    "kind",
    "state",
    "person",
    "structure",
    "redlist",
    "paperless",
    "rank",
    "service",
    "description",
    "responsible",
)
"""The fields of `Mailbox` that publication goes by; slapd lets it read their attributes and no more."""

_PAGE = 500


class EntriesError(Exception):
    """The directory does not answer, refuses, or hides what it must not; nothing may be concluded from it."""


def mailboxes(url: str = URL) -> list[Mailbox]:
    """All of them, in any state.

    Raises:
        EntriesError: slapd is not there, refuses, or an entry lacks what each has.
    """
    import ldap

    try:
        with connected(url) as connection:
            return [_mailbox(attributes) for attributes in _pages(connection)]
    except ldap.LDAPError as error:
        raise EntriesError(f"the mailbox directory (slapd): {words(error)}; nothing was sent") from error


def _pages(connection: Any) -> list[dict[str, list[bytes]]]:
    """Every entry's attributes (RFC 2696)."""
    import ldap
    from ldap.controls import SimplePagedResultsControl

    control = SimplePagedResultsControl(criticality=True, size=_PAGE, cookie="")
    wanted = [ATTRIBUTES[name] for name in PUBLISHED]
    found: list[dict[str, list[bytes]]] = []
    while True:
        number = connection.search_ext(
            MAILBOXES, ldap.SCOPE_ONELEVEL, "(objectClass=vgmMailbox)", wanted, serverctrls=[control]
        )
        _, entries, _, controls = connection.result3(number)
        found.extend(attributes for name, attributes in entries if name)
        control.cookie = next((one.cookie for one in controls if one.controlType == control.controlType), b"")
        if not control.cookie:
            return found


def _mailbox(attributes: dict[str, list[bytes]]) -> Mailbox:
    told: dict[str, Any] = {
        name: attributes[ATTRIBUTES[name]][0].decode() for name in PUBLISHED if attributes.get(ATTRIBUTES[name])
    }
    if told.get("kind") not in KINDS or told.get("state") not in STATES or "address" not in told:
        raise EntriesError(
            "the mailbox directory (slapd) shows an entry without its address, type or state; nothing was sent\n"
            "    may the account vgm-annuaire read them? vaguemestre apply puts slapd's rules right"
        )
    return Mailbox(**{**told, "rank": int(told.get("rank", 0))})
