"""The mailbox directory as this host's manager sees it: slapd over its Unix socket, root proven by the kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaguemestre.host.ldapi import connected, words
from vaguemestre.host.mailboxes.bal import ENDED, Mailbox

SUFFIX = "o=vaguemestre"
MANAGER = f"cn=manager,{SUFFIX}"
MAILBOXES = f"ou=mailboxes,{SUFFIX}"
DAEMONS = f"ou=daemons,{SUFFIX}"
NATIONAL = f"ou=national,{SUFFIX}"
SETTINGS = "/etc/vaguemestre/mailboxes.json"
RENEWAL = "vaguemestre-renewal.service"

SECONDS = 20  # for slapd to answer

# Field of `Mailbox` -> attribute of the schema.
ATTRIBUTES = {
    "address": "mail",
    "kind": "vgmMailboxType",
    "state": "vgmState",
    "since": "vgmStateSince",
    "created": "vgmCreated",
    "quota_mib": "vgmQuotaMib",
    "person": "vgmPersonId",
    "structure": "vgmStructureId",
    "surname": "sn",
    "given": "givenName",
    "display": "displayName",
    "service": "vgmService",
    "responsible": "vgmResponsible",
    "description": "description",
    "origin": "vgmOrigin",
    "state_by": "vgmStateBy",
    "redlist": "vgmRedList",
    "secretariat": "vgmSecretariat",
    "allowed": "vgmAllowed",
    "paperless": "vgmPaperless",
    "profession": "vgmProfession",
    "speciality": "vgmSpeciality",
    "rank": "vgmRank",
    "senders": "vgmSender",
    "closed": "vgmClosed",
    "paperless_by": "vgmPaperlessBy",
    "redlist_by": "vgmRedListBy",
    "notice": "vgmRedListNotice",
}
_STATE = ATTRIBUTES["state"]
_NUMBERS = ("quota_mib", "rank")
_SEVERAL = ("allowed", "senders")


class StoreError(Exception):
    """The directory does not answer, or refuses; the text holds its own words."""


class EntryError(Exception):
    """The directory refuses this one entry; the text holds its own words."""


class Store:
    """Reads and writes mailboxes, each with what it is found by. Made by `opened`."""

    def __init__(self, connection: Any, domains: Mapping[str, Mapping[str, Any]]) -> None:
        self._ldap = connection
        self._domains = domains

    def get(self, address: str) -> Mailbox | None:
        """The mailbox, or None; what cannot even be a name in the directory is none either."""
        import ldap

        try:
            found = self._ldap.search_s(dn(address), ldap.SCOPE_BASE, "(objectClass=vgmMailbox)", _READ)
        except (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX):
            return None
        return _mailbox(found[0][1])

    def all(self, state: str = "") -> list[Mailbox]:
        """Every mailbox, or those in one state."""
        import ldap

        chosen = f"(&(objectClass=vgmMailbox)({_STATE}={state}))" if state else "(objectClass=vgmMailbox)"
        found = self._ldap.search_s(MAILBOXES, ldap.SCOPE_ONELEVEL, chosen, _READ)
        return sorted((_mailbox(attributes) for _, attributes in found), key=lambda box: (box.domain, box.local))

    def add(self, box: Mailbox) -> None:
        found_by = {key: values for key, values in self._found_by(box).items() if values}
        self._ldap.add_s(
            dn(box.address), [("objectClass", [b"vgmMailbox"]), *_attributes(box).items(), *found_by.items()]
        )

    def change(self, before: Mailbox, after: Mailbox) -> None:
        """Record in one step what differs; whoever can no longer log in loses the password too.

        Raises:
            EntryError: somebody moved it out of the state that `before` has; nothing is done then.
        """
        import ldap

        old, new = _attributes(before), _attributes(after)
        differing = [key for key in ATTRIBUTES.values() if old.get(key) != new.get(key)]
        if not differing:
            return
        changes = [(ldap.MOD_REPLACE, key, new.get(key)) for key in differing if key != _STATE]
        changes += [(ldap.MOD_REPLACE, key, values or None) for key, values in self._found_by(after).items()]
        if after.state in ENDED:
            changes.append((ldap.MOD_REPLACE, "userPassword", None))
        # Taking the old value away fails where it is another by now (RFC 4511 section 4.6): nobody's word is undone.
        state = [(ldap.MOD_DELETE, _STATE, old[_STATE]), (ldap.MOD_ADD, _STATE, new[_STATE])]
        try:
            self._ldap.modify_s(dn(after.address), [*(state if _STATE in differing else ()), *changes])
        except ldap.NO_SUCH_ATTRIBUTE as error:
            raise EntryError(f"{after.address} is no longer {before.state}: look at it again") from error

    def found_wrongly(self) -> list[Mailbox]:
        """Those that searches would not find, or by other words than they should."""
        import ldap

        from vaguemestre.host.annuaire.entry import OWN

        found = self._ldap.search_s(MAILBOXES, ldap.SCOPE_ONELEVEL, "(objectClass=vgmMailbox)", [*_READ, *OWN])
        read = ((_mailbox(attributes), attributes) for _, attributes in found)
        return [
            box
            for box, attributes in read
            if any(set(values) != set(attributes.get(key, ())) for key, values in self._found_by(box).items())
        ]

    def find_by(self, box: Mailbox) -> None:
        """Write anew what the mailbox is found by, which an older release did not write, or otherwise."""
        import ldap

        found_by = self._found_by(box)
        self._ldap.modify_s(
            dn(box.address), [(ldap.MOD_REPLACE, key, values or None) for key, values in found_by.items()]
        )

    def _found_by(self, box: Mailbox) -> dict[str, list[bytes]]:
        """What searches go by (`annuaire.entry`); empty values are to be taken away. Of a tombstone, everything."""
        from vaguemestre.host.annuaire.entry import OWN, Establishment, own

        domain = self._domains.get(box.domain, {})
        at = Establishment(domain.get("establishment", ""), domain.get("city", ""))
        made = {} if box.state == "purged" else own(box, at)
        return {key: [text.encode() for text in made.get(key, ())] for key in OWN}

    def without_password(self) -> set[str]:
        """The addresses of the mailboxes that nobody can log into with a password, because there is none."""
        import ldap

        found = self._ldap.search_s(
            MAILBOXES, ldap.SCOPE_ONELEVEL, "(&(objectClass=vgmMailbox)(!(userPassword=*)))", ["mail"]
        )
        return {attributes["mail"][0].decode() for _, attributes in found}

    def has_password(self, address: str) -> bool:
        import ldap

        return bool(self._ldap.search_s(dn(address), ldap.SCOPE_BASE, "(userPassword=*)", ["mail"]))

    def count_led_by(self, secretariat: str) -> int:
        """How many open mailboxes this one is the secretariat of."""
        import ldap
        from ldap.filter import filter_format

        led = filter_format(
            "(&(objectClass=vgmMailbox)(vgmSecretariat=%s)(vgmRedList=secretariat)(|(vgmState=active)(vgmState=suspended)))",
            [secretariat],
        )
        return len(self._ldap.search_s(MAILBOXES, ldap.SCOPE_ONELEVEL, led, ["mail"]))

    def set_password(self, address: str, password: str) -> None:
        """Through the extended operation (RFC 3062), so that slapd itself makes the hash."""
        self._ldap.passwd_s(dn(address), None, password)

    def ensure(self, entry: str, attributes: dict[str, list[bytes]]) -> bool:
        """Add the entry where it is missing; what is there stays as it is. Says whether it was added."""
        import ldap

        try:
            self._ldap.add_s(entry, list(attributes.items()))
        except ldap.ALREADY_EXISTS:
            return False
        return True

    def record(self, entry: str, attribute: str, value: str) -> None:
        import ldap

        self._ldap.modify_s(entry, [(ldap.MOD_REPLACE, attribute, [value.encode()])])


@contextmanager
def opened() -> Iterator[Store]:
    """The directory of this host, as root.

    Raises:
        StoreError: slapd is not there, or refuses something within the block.
    """
    with directory() as connection:
        yield Store(connection, _domains())


@contextmanager
def directory() -> Iterator[Any]:
    """A connection to it for whoever does without a `Store`; raises StoreError likewise."""
    import ldap

    try:
        with connected(seconds=SECONDS) as connection:
            yield connection
    except ldap.LDAPError as error:
        raise StoreError(f"the mailbox directory (slapd): {words(error)}") from error


def _domains() -> dict[str, Any]:
    try:
        return dict(json.loads(Path(SETTINGS).read_text())["domains"])
    except FileNotFoundError:
        return {}


@contextmanager
def one_entry() -> Iterator[None]:
    """Keep what slapd has against one entry apart from slapd being gone.

    Raises:
        EntryError: this entry was refused; others may be tried.
    """
    import ldap

    try:
        yield
    except (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.TIMEOUT, ldap.UNAVAILABLE, ldap.BUSY):
        raise
    except ldap.LDAPError as error:
        raise EntryError(words(error)) from error


def dn(address: str) -> str:
    from ldap.dn import escape_dn_chars

    return f"mail={escape_dn_chars(address)},{MAILBOXES}"


_READ = [*ATTRIBUTES.values()]  # never the password


def _mailbox(attributes: dict[str, list[bytes]]) -> Mailbox:
    return Mailbox(**{name: _read(name, attributes[key]) for name, key in ATTRIBUTES.items() if key in attributes})


def _read(name: str, values: list[bytes]) -> Any:
    texts = tuple(sorted(value.decode() for value in values))
    if name in _SEVERAL:
        return texts
    return int(texts[0]) if name in _NUMBERS else texts[0]


def _attributes(box: Mailbox) -> dict[str, list[bytes]]:
    """What is known of it; empty texts, and a zero, are unknown."""
    values = {key: _written(getattr(box, name)) for name, key in ATTRIBUTES.items()}
    return {key: texts for key, texts in values.items() if texts}


def _written(value: Any) -> list[bytes]:
    several = value if isinstance(value, tuple) else (value,)
    return [str(one).encode() for one in several if one]
