"""One activation from beginning to end, and what finishes one that was cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from vaguemestre.errors import VaguemestreError
from vaguemestre.host.activator import resident
from vaguemestre.host.activator.assess import assess
from vaguemestre.host.activator.disk import Disk
from vaguemestre.host.activator.facts import UnitState
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.observe import Observed
from vaguemestre.host.activator.plan import SETTLING, Change, staying
from vaguemestre.host.activator.settle import Settler
from vaguemestre.host.activator.store import Current, Store, now
from vaguemestre.host.activator.switch import Journal, Switch, moves, new_folder, refuse_obstacles
from vaguemestre.release import Release

_DEFINITIONS = ("/etc/systemd/system/", "/usr/lib/systemd/system/", "/usr/local/lib/systemd/system/")


@dataclass(frozen=True)
class Outcome:
    """What an activation came to. `changes` is what the first look at the host had called for."""

    release: str
    previous: str | None
    changed: bool
    changes: tuple[Change, ...]


class Activation:
    """The work on one host. The caller holds the store's lock."""

    def __init__(self, disk: Disk, machine: Machine, say: Callable[[str], None]) -> None:
        self.disk = disk
        self.machine = machine
        self.say = say
        self.store = Store(disk)
        self.switch = Switch(disk, self.store)
        self.settler = Settler(machine, self.store, say)

    def look(self, wanted: Release, live: Release | None) -> tuple[Observed, tuple[Change, ...]]:
        """As `assess`."""
        return assess(self.machine, self.store, wanted, live)

    def carry_out(self, id: str, *, stage_only: bool = False) -> Outcome:
        """Make the host this stored release; with `stage_only` stop when all is fetched and judged.

        Raises:
            ActivationError: with the phase, the cause, and whether the host is as it was.
        """
        if done := self.recover():
            self.say(done)
        release, live, current = self.store.release(id), self.store.live(), self.store.current()
        if (found := self.machine.debian()) != release.debian:
            raise ActivationError("document", other_debian(found, release.debian))
        seen, first = self.look(release, live)
        if not first and current.id == id:
            return Outcome(id, current.previous, False, ())
        refuse_obstacles(first, seen)
        for sentence in staying(release, live):
            self.say(sentence)
        self._complete(release, first, seen)
        seen, todo = self.look(release, live)
        refuse_obstacles(todo, seen)
        self._judge(release, todo, seen)
        if stage_only:
            return Outcome(id, current.id, False, first)
        resident.settle_in(self.disk, self.machine, [release, live] if live else [release])
        self._activate(self._journal(id, release, live, todo, seen), release, live, todo)
        self._prune()
        return Outcome(id, current.previous if current.id == id else current.id, True, first)

    def recover(self, *, files_only: bool = False) -> str | None:
        """Finish what was cut off, by the rule in `vaguemestre.host.activate`; what was done, None when nothing.

        Raises:
            ActivationError: files could not be put back; the journal is kept.
        """
        self.store.sweep()
        resident.sweep(self.disk)
        noted = self.store.journal()
        if noted is None:
            return None
        journal = Journal.read(noted)
        self.say(f"an activation of {journal.release[:12]} was cut off in phase {journal.phase}")
        if journal.phase == "prepare":
            self.switch.put_back(journal)
            self.store.close_journal(journal.folder)
            return "it had changed nothing; its drafts are gone"
        if journal.phase == "settle":
            return None if files_only else self._forward(journal)
        if files_only:
            self._put_back(self.switch.enter(journal, "back"))
            self.machine.reload_definitions()
            return "the files of before are back; units follow"
        trouble = self._back(journal)
        return f"put back: {trouble}" if trouble else "the release of before is back"

    def _complete(self, release: Release, todo: Iterable[Change], seen: Observed) -> None:
        """Packages and accounts: they come before files that need them, and stay when those go back."""
        if missing := [one for one in release.packages if Change("package", one.name, "install") in todo]:
            sources = [one for one in todo if one.key.startswith("/etc/apt/")]
            self.machine.install(missing, moves(sources, release, seen), self.switch.contents(release), self.say)
        accounts = {account.name: account for account in release.accounts}
        for change in todo:
            if change.kind == "account":
                self.say(f"account {change.key}: {change.action}")
                account = accounts[change.key]
                (self.machine.add_account if change.action == "create" else self.machine.change_account)(account)

    def _judge(self, release: Release, todo: tuple[Change, ...], seen: Observed) -> None:
        """Units that will read something new, or never settled, judge it first."""
        concerned = {one.key for one in todo if one.kind == "unit" and one.action in SETTLING}
        commands = [command for unit in release.units if unit.name in concerned for command in unit.judges]
        if commands:
            self.say(f"judging: {', '.join(sorted({command[0] for command in commands}))}")
            self.machine.judge(commands, moves(todo, release, seen), self.switch.contents(release))

    def _journal(
        self, id: str, release: Release, live: Release | None, todo: tuple[Change, ...], seen: Observed
    ) -> Journal:
        names = sorted(_names(release) | (_names(live) if live else set()))
        states = {name: seen.units.get(name, UnitState()) for name in names}
        were = {
            name: {"running": state.running, "enabled": state.enabled, "masked": state.masked}
            for name, state in states.items()
        }
        steps = moves(todo, release, seen)
        return Journal(id, self.store.current(), new_folder(), "prepare", steps, were)

    def _activate(self, journal: Journal, release: Release, live: Release | None, todo: tuple[Change, ...]) -> None:
        try:
            journal = self.switch.prepare(journal, release)
        except OSError as error:
            raise ActivationError("prepare", f"{_words(error)}; nothing was changed") from error
        try:
            journal = self.switch.enter(journal, "switch")
            self.settler.unsettle(one.key for one in todo if one.kind == "unit" and one.action in (*SETTLING, "remove"))
            self.settler.leave(todo, live)
            self.say(f"switching {len(journal.moves)} {'path' if len(journal.moves) == 1 else 'paths'}")
            self.switch.perform(journal)
            journal = self.switch.enter(journal, "settle")
            if self._definitions_changed(journal):
                self.machine.reload_definitions()
            self.settler.settle(release, todo)
            self._commit(journal, release)
        except (ActivationError, OSError) as error:
            raise self._after(error, self._back(journal)) from error

    def _definitions_changed(self, journal: Journal) -> bool:
        """By this activation, or earlier by somebody who did not tell systemd."""
        states = self.machine.states(journal.units).values()
        return any(one.path.startswith(_DEFINITIONS) for one in journal.moves) or any(one.outdated for one in states)

    def _forward(self, journal: Journal) -> str:
        """Every file is the new release's: bring its units up too, or else go back."""
        release = self.store.release(journal.release)
        try:
            self.machine.reload_definitions()
            self.settler.settle(release, self.look(release, None)[1], doubt=True)
            self._commit(journal, release)
        except (ActivationError, OSError) as error:
            return str(self._after(error, self._back(journal)))
        return f"{journal.release[:12]} is live"

    def _commit(self, journal: Journal, release: Release) -> None:
        self.store.set_settled({n: noted for n, noted in self.store.settled().items() if n in _names(release)})
        before = journal.current
        previous = before.previous if before.id == journal.release else before.id
        self.store.set_current(Current(journal.release, previous, now()))
        self.store.close_journal(journal.folder)

    def _back(self, journal: Journal) -> str | None:
        """Put files and units back as they were; what did not come back, or None.

        Raises:
            ActivationError: the files could not be put back, the journal is kept.
        """
        self.say("putting back what was there before")
        try:
            journal = self.switch.enter(journal, "back")
        except OSError as error:  # a full disk: the phase noted earlier leads to the same place or to the new release
            self.say(f"the journal could not be written to: {_words(error)}")
        old = self.store.release(journal.current.id) if journal.current.id else None
        strangers = [(name, was) for name, was in journal.units.items() if not old or name not in _names(old)]
        troubles = [self._try(self.settler.withdraw, *one) for one in strangers]
        self._put_back(journal)
        troubles += [self._try(self.machine.reload_definitions)]
        troubles += [self._try(self.settler.resume, *one) for one in strangers]
        if old:
            troubles += self.settler.settle_each(old, self.look(old, None)[1])
        self.store.close_journal(journal.folder)
        return "\n".join(filter(None, troubles)) or None

    def _put_back(self, journal: Journal) -> None:
        try:
            self.switch.put_back(journal)
            if self.store.current() != journal.current:
                self.store.set_current(journal.current)
        except OSError as error:
            text = f"THE FILES OF BEFORE COULD NOT BE PUT BACK: {_words(error)}\n    mend that, then run recover"
            raise ActivationError("recover", text, restored=False) from error

    def _after(self, error: ActivationError | OSError, trouble: str | None) -> ActivationError:
        phase = error.phase if isinstance(error, ActivationError) else "switch"
        if trouble is None:
            return ActivationError(phase, f"{_words(error)}\nwhat was there before is back")
        return ActivationError(phase, f"{_words(error)}\nTHE FILES OF BEFORE ARE BACK, BUT: {trouble}", restored=False)

    def _try(self, step: Callable[..., None], *arguments: Any) -> str | None:
        try:
            step(*arguments)
        except (ActivationError, OSError) as error:
            return _words(error)
        return None

    def _prune(self) -> None:
        try:
            self.store.prune()
        except (VaguemestreError, OSError) as error:
            self.say(f"old releases could not be cleared away: {_words(error)}")


def other_debian(found: str, declared: str) -> str:
    """Why a release for another Debian is refused, and the way out."""
    return (
        f"this host runs Debian {found or '(unknown)'}, and the release is for Debian {declared}; nothing was changed\n"
        "    vaguemestre upgrade brings a host to the next Debian in place; otherwise correct `debian:` of this host"
    )


def _names(release: Release) -> set[str]:
    return {unit.name for unit in release.units}


def _words(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
