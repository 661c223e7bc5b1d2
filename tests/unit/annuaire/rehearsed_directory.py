"""A host's directory for rehearsals of weeks: the branch in memory, a real server that publishes, a folder of state.

The real slapd is tried in tests/lab/test_annuaire.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from entries import persons, text, zipped
from extraction_server import Published

from vaguemestre.host.annuaire import state
from vaguemestre.host.annuaire.branch import BranchError
from vaguemestre.host.annuaire.churn import Limits as StepLimits
from vaguemestre.host.annuaire.delta import Add, Done, Modify, Operation
from vaguemestre.host.annuaire.digest import Record
from vaguemestre.host.annuaire.entry import Attributes
from vaguemestre.host.annuaire.examination import Limits as FileLimits
from vaguemestre.host.annuaire.inspection import Limits
from vaguemestre.host.annuaire.layout import Api, Places, Settings
from vaguemestre.host.annuaire.line import Line
from vaguemestre.host.annuaire.refresh import Report, refresh
from vaguemestre.host.annuaire.state import State

START = datetime(2026, 10, 9, 6, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class KilledError(BaseException):
    """As SIGKILL: nothing catches it."""


@dataclass
class Branch:
    """What slapd would hold. `dies_after` so many writes; `away` refuses every question."""

    entries: dict[str, Attributes] = field(default_factory=dict)
    said: str | None = ""
    away: bool = False
    dies_after: int | None = None
    writes: int = 0
    looked: int = 0

    def mark(self) -> str | None:
        return self.said

    def note(self, mark: str) -> None:
        self._write()
        self.said = mark

    def records(self) -> Iterator[Record]:
        self.looked += 1
        return (Record(one, entry["vgmFingerprint"][0]) for one, entry in self.entries.items())

    def there(self, addresses: Iterable[str]) -> dict[str, Attributes]:
        return {one: self.entries[one] for one in addresses if one in self.entries}

    def do(self, operations: Iterable[Operation], done: Done) -> None:
        for one in operations:
            self._write()
            address = one.name.partition(",")[0].removeprefix("mail=").replace("\\", "")
            if isinstance(one, Add):
                self.entries[address] = dict(one.attributes)
            elif isinstance(one, Modify):
                changed = {**self.entries[address], **{name: list(texts) for name, texts in one.attributes.items()}}
                self.entries[address] = {name: texts for name, texts in changed.items() if texts}
            else:
                self.entries.pop(address, None)
            done.count(one)

    def _write(self) -> None:
        if self.dies_after is not None and self.writes >= self.dies_after:
            raise KilledError
        self.writes += 1

    @contextmanager
    def opened(self) -> Iterator[Branch]:
        if self.away:
            raise BranchError("the directory (slapd): Can't contact LDAP server")
        yield self


@dataclass
class Host:
    """One host: `run` is what its timer does."""

    site: Published
    places: Places
    settings: Settings
    branch: Branch = field(default_factory=Branch)

    def run(self, at: datetime, **how: bool) -> Report:
        return refresh(self.settings, self.places, at, opened=self.branch.opened, **how)  # type: ignore[arg-type]

    @property
    def state(self) -> State:
        return state.load(self.places)

    @property
    def found(self) -> set[str]:
        """Whom a search would find."""
        return set(self.branch.entries)


def host(folder: Path, site: Published) -> Host:
    settings = Settings(
        source="extraction",
        url=site.url,
        mirror=None,
        anchors=folder / "no-anchors.pem",
        proxy=None,
        api=Api("", 15),
        every=HOUR,
        max_bytes=1 << 24,
        limits=Limits(FileLimits(mailboxes=40), StepLimits()),
        alarm=timedelta(hours=48),
        page=timedelta(days=10),
        own_domains=frozenset({"ours.test"}),
        mail_host="mail.ours.test",
        postmaster="postmaster@ours.test",
        notify=None,
    )
    return Host(site, Places(folder / "state"), settings)


def publish(site: Published, folder: Path, made: datetime, lines: Iterable[Line | str]) -> None:
    """An extraction of these lines, made then, zipped and named as the nation does (Paris, summer time)."""
    name = f"Extraction_Correspondance_MSSante_{made + 2 * HOUR:%Y%m%d%H%M}"
    path = zipped(folder, text(*lines), f"{name}.zip", f"{name}.txt")
    site.body, site.name, site.etag, site.status, site.headers = path.read_bytes(), path.name, f'"{name}"', 200, {}


def people(number: int, first: int = 0, domain: str = "clinique.mssante.test") -> list[Line]:
    return persons(f"p{one}@{domain}" for one in range(first, first + number))


def within(known: Settings, **limits: float) -> Settings:
    """The settings with other limits of a step."""
    return replace(known, limits=replace(known.limits, step=replace(known.limits.step, **limits)))
