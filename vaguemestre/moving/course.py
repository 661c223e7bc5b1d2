"""The course of a move: copy while mail flows, then a moment in nobody's charge, then the target's.

At every moment one stack is in charge at most, as the hosts themselves remember. While neither is, other operators are
told to come again (451), which they do for days (RFC 5321 section 4.5.4.1). Begun again, it goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from vaguemestre.moving.carrying import Carrier
from vaguemestre.moving.stacks import MoveError, Pair, Said

Say = Callable[[str], None]
_PASSES = 3  # over mailboxes in use, each carries what has changed since
_SHORT = 15.0  # seconds of a pass, after which another would not be shorter
_TRIES = 3
_EVERY = 1.0
_FOLDERS_OF_NOTHING = [0, 0]


@dataclass(frozen=True)
class Standing:
    """In whose charge a domain is: `here` at the source, `there` at the target."""

    domain: str
    here: bool
    there: bool
    mailboxes: int
    listed: bool
    way: str

    @property
    def moved(self) -> bool:
        return self.there and not self.here


@dataclass
class Course:
    """A move; `say` is told each step. `patience` are seconds for the source to finish what it has accepted."""

    pair: Pair
    say: Say
    patience: float = 300

    def standing(self) -> tuple[Standing, ...]:
        """How things stand on both hosts.

        Raises:
            MoveError: they cannot be asked, or both believe to be in charge.
        """
        source, target = (stack.ask("route")["domains"] for stack in (self.pair.source, self.pair.target))
        found = tuple(_standing(domain, source, target) for domain in self.pair.domains)
        for one in found:
            if one.here and one.there:
                raise MoveError(f"{one.domain} is in the charge of both stacks: nothing was touched\n    {_BOTH}")
        return found

    def run(self) -> tuple[Standing, ...]:
        """Bring everything over, from wherever it stands; how it stands then.

        Raises:
            MoveError: a step failed. The domain is in the source's charge again, or the text says that it is not.
        """
        before = self.standing()
        due = [one for one in before if not one.moved]
        self._refuse(due)
        with Carrier(self.pair.source, self.pair.target) as carrier:
            connected = replace(self.pair, source=carrier.source, target=carrier.target)
            Course(connected, self.say, self.patience).bring(due, carrier)
        return self.standing()

    def bring(self, due: Sequence[Standing], carrier: Carrier) -> None:
        """Domain by domain; as `run`."""
        for one in due:
            if one.here:
                self._copy(one.domain, carrier)
            self._hand_over(one, carrier)

    def back_out(self) -> tuple[Standing, ...]:
        """Give up what has not moved: the source is in charge as before.

        Raises:
            MoveError: a host cannot be asked.
        """
        for one in self.standing():
            if not one.there:
                self.say(f"{one.domain}: stays with {self.pair.source.operator.slug}")
                self.pair.source.ask("stay", one.domain)
        return self.standing()

    def _refuse(self, due: list[Standing]) -> None:
        for one in due:
            if not one.listed:
                raise MoveError(f"the white list does not name {self.pair.target.name} for {one.domain}\n    {_LIST}")
            self._refuse_strangers(one.domain)

    def _refuse_strangers(self, domain: str) -> None:
        """Whoever answers for a mailbox, or sends as it, must be where it goes."""
        from vaguemestre.host.moving.entries import strangers, understood

        served = {one.name for e in self.pair.target.fleet.served_by(self.pair.target.operator) for one in e.domains}
        left = strangers(understood(self.pair.source.ask("export", domain)["entries"]), served)
        if left:
            raise MoveError(f"mailboxes of {domain} depend on others that stay behind: {', '.join(left)}\n    {_STAY}")

    def _copy(self, domain: str, carrier: Carrier) -> None:
        """Ahead of time, as often as it is worth while; people go on working."""
        for number in range(1, _PASSES + 1):
            began = time.monotonic()
            self._carry(domain, carrier, f"copy {number}")
            if time.monotonic() - began < _SHORT:
                break

    def _carry(self, domain: str, carrier: Carrier, what: str) -> Said:
        from vaguemestre.host.moving.entries import state, understood

        entries: dict[str, Any] = self.pair.source.ask("export", domain)["entries"]
        self.pair.target.ask("import", domain, entries)
        states = {address: state(entry) for address, entry in understood(entries).items()}
        receiving = [address for address, one in states.items() if one in ("active", "suspended")]
        carrier.mail(receiving, lambda number: self.say(f"{domain}: {what}, {number} of {len(receiving)} mailboxes"))
        carrier.ended(domain, (address for address, one in states.items() if one in ("closed", "quarantined")))
        carrier.filters(domain)
        return entries

    def _hand_over(self, one: Standing, carrier: Carrier) -> None:
        """From here to the end nobody can write to the domain, or read its mail."""
        domain = one.domain
        try:
            if one.here:
                self._drain(domain)
            self.say(f"{domain}: {self.pair.source.name} lets go")
            self.pair.source.ask("leave", domain)
            self._wait(domain, "settled", "active")
            entries = self._last_carry(domain, carrier)
        except MoveError as error:
            with suppress(MoveError):
                self.pair.source.ask("stay", domain)
                raise MoveError(f"{error}\n    {domain} is {self.pair.source.name}'s again, as before") from error
            raise MoveError(f"{error}\n    mail to {domain} waits at its senders\n    {_AGAIN}") from error
        self.say(f"{domain}: {self.pair.target.name} is in charge")
        self.pair.target.ask("arrive", domain, entries)

    def _drain(self, domain: str) -> None:
        since = self.pair.source.ask("close", domain)["since"]
        self._wait(domain, "drained", "waiting", "sessions", since=since)

    def _wait(self, domain: str, command: str, *numbers: str, **options: float) -> None:
        end = time.monotonic() + self.patience
        while left := sum((said := self.pair.source.ask(command, domain, **options))[number] for number in numbers):
            if time.monotonic() > end:
                raise MoveError(f"{self.pair.source.name} does not come to an end with {domain}: {said}\n    {_QUEUE}")
            self.say(f"{domain}: {self.pair.source.name} finishes with {left}")
            time.sleep(_EVERY)

    def _last_carry(self, domain: str, carrier: Carrier) -> Said:
        """And both ends must then hold the same, folder by folder."""
        for number in range(1, _TRIES + 1):
            entries = self._carry(domain, carrier, f"last copy {number}")
            there, here = (stack.ask("mail", domain)["mail"] for stack in (self.pair.source, self.pair.target))
            if not (different := differing(there, here)):
                return entries
        raise MoveError(f"{len(different)} mailboxes of {domain} are not the same at both ends after {_TRIES} copies")


def differing(source: dict[str, Any], target: dict[str, Any]) -> list[str]:
    """The addresses whose folders are not the same: messages, bytes, UIDVALIDITY, UIDNEXT; empty ones may lack."""
    return sorted(one for one in {*source, *target} if _filled(source.get(one)) != _filled(target.get(one)))


def _filled(folders: dict[str, list[int]] | None) -> dict[str, list[int]]:
    return {name: counts for name, counts in (folders or {}).items() if counts[:2] != _FOLDERS_OF_NOTHING}


def _standing(domain: str, source: Said, target: Said) -> Standing:
    here, there = source[domain], target[domain]
    return Standing(domain, here["here"], there["here"], here["mailboxes"], there["listed"], here["way"])


_BOTH = "on the one that is not: python3 /usr/lib/vaguemestre/host.pyz moving show; then call for help"
_LIST = "ask the ANS to list its certificate for the domain too (vaguemestre pki request), and wait until hosts hold it"
_STAY = "name others first: vaguemestre redlist set, vaguemestre mailbox set --sender"
_AGAIN = "run the same command again; or `vaguemestre move NAME --back-out`"
_QUEUE = "look at its queue: postqueue -p; a large message may still be coming in"
