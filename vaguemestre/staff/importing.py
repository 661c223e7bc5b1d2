"""A list of staff brought to the host that holds the establishment's mailboxes: planned in one trip, done in another.

What is to be done is decided there (`vaguemestre.host.mailboxes.roster`), where the mailboxes are; what is written in
the file is judged here, where the file is. Everything wrong with either is told together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaguemestre.engines.sessions import OnText
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, Mode
from vaguemestre.host.mailboxes.roster import Roster
from vaguemestre.staff.errors import StaffFileError
from vaguemestre.staff.reading import Reading, of_host
from vaguemestre.verbs.mailbox import MailboxError, Mailboxes, serving


class ImportRefusedError(VaguemestreError):
    """Nothing was done: too many would go, mailboxes changed meanwhile, or it is not clear whose list this is."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Planned:
    """What the host would do (`plan`, see `vaguemestre.host.mailboxes.importing`), for whom it would make passwords.

    `too_many` is the host's reason to refuse it, or None.
    """

    plan: dict[str, Any]
    without_password: tuple[str, ...]
    too_many: str | None

    @property
    def steps(self) -> list[dict[str, Any]]:
        return list(self.plan["steps"])


@dataclass(frozen=True)
class Done:
    """What the host did, by action; what failed, each with address and message; who was given a password."""

    done: dict[str, int]
    failures: tuple[dict[str, str], ...]
    passwords_set: tuple[str, ...]


@dataclass(frozen=True)
class Import:
    """One establishment's list, and the host that holds its mailboxes. Every method is one round trip.

    Raises:
        StaffFileError: lines of the list cannot be; all that is wrong with them, here and there.
        ImportRefusedError: too many would go, or mailboxes changed since the plan.
        MailboxError: the host could not be reached (exit code 4), or could not do it (1).
    """

    holder: Mailboxes
    reading: Reading
    roster: Roster
    on_text: OnText

    def plan(self) -> Planned:
        said = self._ask("--dry-run", passwords={})
        return Planned(dict(said["plan"]), tuple(said["without_password"]), said["too_many"])

    def do(self, planned: Planned, passwords: Mapping[str, str]) -> Done:
        """Exactly what was planned, or nothing."""
        said = self._ask(f"--expect={planned.plan['digest']}", passwords=passwords)
        return Done(dict(said["done"]), tuple(said["failures"]), tuple(said["passwords_set"]))

    def _ask(self, option: str, passwords: Mapping[str, str]) -> dict[str, Any]:
        asked = {"roster": self.roster.plain(), "passwords": dict(passwords)}
        try:
            said = self.holder.ask_import(option, json.dumps(asked).encode(), self.on_text)
        except MailboxError as error:
            raise self._with_known(error) from error
        if said["result"] == "refused":
            raise ImportRefusedError(str(said["message"]))
        problems = [*self.reading.problems, *of_host(self.reading.place, said.get("problems", ()))]
        if problems:
            raise StaffFileError(problems)
        return said

    def _with_known(self, error: MailboxError) -> VaguemestreError:
        """What is wrong with the file itself is told even when the host is away."""
        return StaffFileError(self.reading.problems) if self.reading.problems else error


def prepared(
    fleet: Fleet, one: Establishment, reading: Reading, on_text: OnText, *, accept_closing: int | None, adopt: bool
) -> Import:
    """The import of this list.

    Raises:
        MailboxError: no operator serves the establishment's domains.
    """
    rules = one.mailboxes.imports
    domains = fleet.mail_domains(one)
    roster = Roster(
        domains=tuple(domain.name for domain in domains),
        rows=reading.rows,
        absent=rules.absent,
        max_closed_percent=rules.max_closed_percent,
        accept_closing=accept_closing,
        adopt=adopt,
        structure=one.structure_id if one.mode is Mode.INDIVIDUAL else "",
    )
    return Import(serving(fleet, f"@{domains[0].name}"), reading, roster, on_text)


def whose(fleet: Fleet, file: Path, slug: str | None) -> Establishment:
    """The establishment that the list is of: the one named, the one whose file it is, or the only one.

    Raises:
        ImportRefusedError: it is not clear, there is none of that name, or it has no mail domain.
    """
    with_mail = [one for one in fleet.establishments if fleet.mail_domains(one)]
    named = [one for one in with_mail if one.slug == slug] if slug else _by_file(fleet, with_mail, file) or with_mail
    if len(named) != 1:
        wrong = f"there is no establishment {slug} with a mail domain" if slug else f"whose list is {file}?"
        known = ", ".join(one.slug for one in with_mail) or "none"
        raise ImportRefusedError(f"{wrong}\n    name one of: {known}")
    return named[0]


def _by_file(fleet: Fleet, among: list[Establishment], file: Path) -> list[Establishment]:
    own = [(one, one.mailboxes.file) for one in among if one.mailboxes.file]
    return [one for one, known in own if (fleet.root / known).resolve() == file.resolve()]
