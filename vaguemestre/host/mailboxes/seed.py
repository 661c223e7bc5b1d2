"""The host's verb `directory`: `seed` makes the branches, the daemons' identities and the postmaster's mailbox; `renew`
brings mailboxes of an older release up to this one; `judge` proves the access rules of slapd's configuration, staged or
live, on invented entries; `index`, before slapd starts, indexes again what was indexed otherwise than declared.

Only what is missing is added: whatever people have entered is theirs. The user numbers of the
daemons are this host's own facts, not data, and follow it.
"""

from __future__ import annotations

import json
import pwd
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from vaguemestre.host.book import indexing, judge
from vaguemestre.host.mailboxes.bal import Mailbox, Site
from vaguemestre.host.mailboxes.here import now
from vaguemestre.host.mailboxes.renewal import Due, due, renew
from vaguemestre.host.mailboxes.store import (
    DAEMONS,
    MAILBOXES,
    NATIONAL,
    RENEWAL,
    SETTINGS,
    SUFFIX,
    Store,
    StoreError,
    opened,
)

AT_ONCE = 200
"""So many mailboxes of an older release are renewed while an apply waits, in seconds; more, beside it."""


def main(argv: list[str]) -> int:
    """Do ``seed``, ``renew``, ``judge [FILE]`` or ``index``; 0 done, or right; 1 failed, or wrong; 2 not understood."""
    match argv:
        case ["seed"]:
            return _seed()
        case ["renew"]:
            return _renew()
        case ["judge"]:
            return _judge(judge.CONFIGURATION)
        case ["judge", configuration]:
            return _judge(configuration)
        case ["index"]:
            return _index()
    print("usage: directory seed | renew | judge [FILE] | index", file=sys.stderr)
    return 2


def _seed() -> int:
    try:
        with opened() as store:
            known = json.loads(Path(SETTINGS).read_text())
            seed(store, Site.of(known), known["daemons"])
            steps = due(store, Site.of(known))
            if len(steps) <= AT_ONCE:
                _written(store, steps)
    except (StoreError, OSError) as error:
        print(f"the directory could not be seeded: {error}", file=sys.stderr)
        return 1
    if len(steps) > AT_ONCE:
        print(f"{len(steps)} mailboxes of an older release: {RENEWAL} renews them", file=sys.stderr)
        return subprocess.run(["/usr/bin/systemctl", "start", "--no-block", RENEWAL], check=False).returncode
    return 0


def _renew() -> int:
    try:
        with opened() as store:
            _written(store, due(store, Site.of(json.loads(Path(SETTINGS).read_text()))))
    except (StoreError, OSError) as error:
        print(f"not all mailboxes are renewed: {error}", file=sys.stderr)
        return 1
    return 0


def _written(store: Store, steps: Due) -> None:
    for refusal in renew(store, steps):
        print(f"not brought to this release: {refusal}", file=sys.stderr)


def _judge(configuration: str) -> int:
    try:
        wrong = judge.wrong(Path(configuration))
    except (judge.JudgeError, OSError) as error:
        wrong = [str(error)]
    if wrong:
        print(f"the access rules of {configuration} are not what they must be:", *wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


def _index() -> int:
    try:
        indexing.bring_up(Path(judge.CONFIGURATION))
    except (indexing.IndexingError, OSError, subprocess.SubprocessError) as error:
        print(f"searches miss entries until slapd is started again: {error}", file=sys.stderr)
        return 1
    return 0


def seed(store: Store, here: Site, daemons: Iterable[str]) -> None:
    """Make what is missing; a second run changes nothing. `daemons` are accounts; slapd.conf says what each may read.

    Raises:
        StoreError: the directory refuses.
    """
    store.ensure(SUFFIX, {"objectClass": [b"organization"], "o": [_value(SUFFIX)]})
    for branch in (DAEMONS, MAILBOXES, NATIONAL):
        store.ensure(branch, {"objectClass": [b"organizationalUnit"], "ou": [_value(branch)]})
    for user in daemons:
        _identity(store, user)
    if store.get(here.postmaster) is None:
        store.add(_postmaster(here))


def _identity(store: Store, user: str) -> None:
    try:
        number = str(pwd.getpwnam(user).pw_uid)
    except KeyError:
        return  # that daemon is not on this host
    entry = f"cn={user},{DAEMONS}"
    if not store.ensure(entry, {"objectClass": [b"vgmDaemon"], "cn": [user.encode()], "vgmUid": [number.encode()]}):
        store.record(entry, "vgmUid", number)


def _postmaster(here: Site) -> Mailbox:
    """It receives from the first moment; nobody can log in until it is given a password."""
    domain = here.domains[here.postmaster.rpartition("@")[2]]
    moment = now()
    return Mailbox(
        here.postmaster,
        "ORG",
        since=moment,
        created=moment,
        quota_mib=domain.quota_mib,
        structure=domain.structure,
        display=f"Postmaster, {domain.establishment}",
        description="Mail about the mail: failures, complaints, what the machine says",
        redlist="none",
    )


def _value(entry: str) -> bytes:
    return entry.partition(",")[0].partition("=")[2].encode()
