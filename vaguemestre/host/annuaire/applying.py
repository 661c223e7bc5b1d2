"""Bringing a taken extraction into the directory: by a delta to the live one, or handed on to the privileged load.

What the directory holds is written in the directory itself (`delta.mark`), so nothing has to be believed that was
remembered elsewhere: when the mark is not what is expected, the entries are asked for their fingerprints one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.host.annuaire import churn, digest, settling
from vaguemestre.host.annuaire.branch import Branch
from vaguemestre.host.annuaire.delta import (
    WRITING,
    Done,
    Wanted,
    batches,
    foreign,
    mark,
    of_this_form,
    removing,
    wanted,
    writing,
)
from vaguemestre.host.annuaire.digest import Record
from vaguemestre.host.annuaire.entry import entry
from vaguemestre.host.annuaire.gathering import mailboxes
from vaguemestre.host.annuaire.layout import Places
from vaguemestre.host.annuaire.mailbox import NationalMailbox
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.runs import Runs
from vaguemestre.host.annuaire.source import Source
from vaguemestre.host.annuaire.state import Folder


@dataclass(frozen=True)
class Applied:
    """What came of it: done, or more than a delta can do; `looked` is whether every entry was compared."""

    done: Done
    too_much: bool = False
    looked: bool = False


def apply(
    branch: Branch, new: Folder, held: Folder | None, own: Collection[str], places: Places, *, look: bool = False
) -> Applied:
    """Make the branch what the extraction in `new` says, without the domains `own`.

    `held` is what it should hold now; `look` compares with its entries all the same. Killed anywhere, the next call
    goes on.

    Raises:
        BranchError: slapd is gone or full; what was done stays done.
        DigestError, ExtractionError, OSError: a kept file is not whole, or the disk.
    """
    aim = mark(digest.facts(new.digest).sha256, own)
    there = branch.mark()
    if there is None:  # only root may make the root of a database
        return Applied(Done(), too_much=True)
    if there == aim and not look:
        return Applied(Done())
    known = held if held and not look and there == mark(digest.facts(held.digest).sha256, own) else None
    with _basis(branch, known, own, places.begun, formed=of_this_form(there)) as basis:
        todo = wanted(churn.differences(basis, foreign(digest.records(new.digest), own)))
    if todo is None:
        return Applied(Done(), too_much=True, looked=not known)
    done = Done()
    if there != aim or todo:
        settling.begin(places.unsettled)
        if of_this_form(there):  # else what it says already has the next run write every entry anew
            branch.note(WRITING)
        _written(branch, new, todo, done)
        branch.note(aim)
    return Applied(done, looked=not known)


def listed(new: Folder, own: Collection[str]) -> Iterator[NationalMailbox]:
    """All mailboxes of a taken extraction that are not our own, for a new database."""
    return (one for one in _mailboxes(new, None) if one.domain not in own)


@contextmanager
def _basis(
    branch: Branch, known: Folder | None, own: Collection[str], scratch: Path, *, formed: bool
) -> Iterator[Iterator[Record]]:
    """What the branch holds now, as sorted records: as it is known, else asked for.

    Entries that are not formed as they are now have a fingerprint that is nobody's.
    """
    if known:
        yield foreign(digest.records(known.digest), own)
        return
    with Runs(scratch) as runs:
        for one in branch.records():
            runs.add(f"{one.address}\t{one.fingerprint if formed else '-'}")
        yield (Record(*line.split("\t")) for line in runs.sorted())


def _written(branch: Branch, new: Folder, todo: Wanted, done: Done) -> None:
    """Removals last: for a moment there may be too much, never too little."""
    for batch in batches(_mailboxes(new, todo.put) if todo.put else ()):
        entries = [entry(one) for one in batch]
        branch.do(writing(entries, branch.there(one.address for one in batch)), done)
    for addresses in batches(todo.drop):
        branch.do(removing(addresses), done)


def _mailboxes(new: Folder, only: Container[str] | None) -> Iterator[NationalMailbox]:
    with Source(new.file) as source:
        yield from mailboxes(Reading(source), new.merged(), only)
