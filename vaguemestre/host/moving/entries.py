"""The mailboxes of a domain as entries that another stack can take over whole: with the hash of each password.

They travel from directory to directory through the controller's memory, and are written down nowhere between.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vaguemestre.host.mailboxes.store import MAILBOXES, dn
from vaguemestre.host.moving.layout import STATE

MOVE = "move"
"""What `vgmStateBy` says of a mailbox that is suspended because its domain is elsewhere."""

Entry = dict[str, list[bytes]]


class Entries:
    """The entries of one domain; `connection` is the manager's, `root` where this host keeps what it remembers."""

    def __init__(self, connection: Any, domain: str, root: Path = STATE) -> None:
        self._ldap = connection
        self._domain = domain
        self._before = root / "before" / f"{domain}.json"

    def all(self) -> dict[str, Entry]:
        """By address, as they are now."""
        import ldap

        found = self._ldap.search_s(MAILBOXES, ldap.SCOPE_ONELEVEL, "(objectClass=vgmMailbox)")
        entries = {attributes["mail"][0].decode(): attributes for _, attributes in found}
        return {address: one for address, one in sorted(entries.items()) if address.endswith(f"@{self._domain}")}

    def true(self) -> dict[str, Entry]:
        """By address, with the state that each had before its domain left."""
        before: dict[str, list[str]] = json.loads(self._before.read_text()) if self._before.exists() else {}
        return {address: _as_before(entry, before.get(address)) for address, entry in self.all().items()}

    def put(self, entries: dict[str, Entry], *, asleep: bool) -> int:
        """Make each what is given; `asleep`: open ones are suspended. How many there are then."""
        import ldap

        there = self.all()
        for address, entry in entries.items():
            wanted = _asleep(entry) if asleep else entry
            if address not in there:
                self._ldap.add_s(dn(address), list(wanted.items()))
            elif changes := list(_changes(there[address], wanted)):
                self._ldap.modify_s(dn(address), [(ldap.MOD_REPLACE, key, values) for key, values in changes])
        return len(entries)

    def sleep(self) -> list[str]:
        """Nobody logs in any more; what each was before is written down first. The addresses that were open."""
        entries = self.all()
        if not self._before.exists():
            self._keep({address: _state(entry) for address, entry in entries.items()})
        open_ = {address: entry for address, entry in entries.items() if _state(entry)[0] == "active"}
        self.put(open_, asleep=True)
        return list(open_)

    def wake(self) -> None:
        """Everything as it was before `sleep`."""
        self.put(self.true(), asleep=False)
        self.forget()

    def forget(self) -> None:
        """What is here now counts."""
        self._before.unlink(missing_ok=True)

    def _keep(self, states: dict[str, list[str]]) -> None:
        self._before.parent.mkdir(mode=0o700, exist_ok=True)
        draft = self._before.with_suffix(".new")
        draft.write_text(json.dumps(states))
        draft.chmod(0o600)
        draft.replace(self._before)


def spelt(entries: dict[str, Entry]) -> dict[str, dict[str, list[str]]]:
    """As JSON can say it."""
    return {
        address: {key: [base64.b64encode(value).decode() for value in values] for key, values in entry.items()}
        for address, entry in entries.items()
    }


def understood(plain: dict[str, dict[str, list[str]]]) -> dict[str, Entry]:
    """The inverse of `spelt`."""
    return {
        address: {key: [base64.b64decode(value) for value in values] for key, values in entry.items()}
        for address, entry in plain.items()
    }


def state(entry: Entry) -> str:
    return _state(entry)[0]


def _state(entry: Entry) -> list[str]:
    """State, since when, by whom."""
    return [entry.get(key, [b""])[0].decode() for key in ("vgmState", "vgmStateSince", "vgmStateBy")]


def _as_before(entry: Entry, before: list[str] | None) -> Entry:
    if before is None or _state(entry)[2] != MOVE:
        return entry
    state, since, by = (word.encode() for word in before)
    told = {"vgmState": [state], "vgmStateSince": [since], **({"vgmStateBy": [by]} if by else {})}
    return {key: values for key, values in entry.items() if key != "vgmStateBy"} | told


def _asleep(entry: Entry) -> Entry:
    return entry | {"vgmState": [b"suspended"], "vgmStateBy": [MOVE.encode()]} if state(entry) == "active" else entry


def _changes(before: Entry, after: Entry) -> Iterator[tuple[str, list[bytes] | None]]:
    for key in sorted({*before, *after} - {"objectClass", "mail"}):
        if sorted(before.get(key, [])) != sorted(after.get(key, [])):
            yield key, after.get(key)


def strangers(entries: dict[str, Entry], served: set[str]) -> list[str]:
    """Addresses that these entries lead to, or let send, in domains that are not served where they go."""
    named = (value.decode() for entry in entries.values() for key in _OTHERS for value in entry.get(key, []))
    return sorted({address for address in named if address.rpartition("@")[2] not in served})


_OTHERS = ("vgmSecretariat", "vgmSender")
