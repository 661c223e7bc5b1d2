"""The host's verb `directory`: `seed` makes the branches, the daemons' identities and the postmaster's mailbox.

Only what is missing is added: whatever people have entered is theirs. The user numbers of the daemons are this
host's own facts, not data, and follow it.
"""

from __future__ import annotations

import pwd
import sys

from vaguemestre.host.bal import Mailbox, Site
from vaguemestre.host.mailbox import now, site
from vaguemestre.host.store import DAEMONS, MAILBOXES, SUFFIX, Store, StoreError, opened

# Users under whom Dovecot's auth and Postfix's proxymap ask; slapd.conf says what each may read.
_ASKING = ("dovecot", "postfix")


def main(argv: list[str]) -> int:
    """Run ``seed``; 0 done, 1 failed, 2 not understood."""
    if argv != ["seed"]:
        print("usage: directory seed", file=sys.stderr)
        return 2
    try:
        with opened() as store:
            seed(store, site())
    except (StoreError, OSError) as error:
        print(f"the directory could not be seeded: {error}", file=sys.stderr)
        return 1
    return 0


def seed(store: Store, here: Site) -> None:
    """Make what is missing; a second run changes nothing.

    Raises:
        StoreError: the directory refuses.
    """
    store.ensure(SUFFIX, {"objectClass": [b"organization"], "o": [_value(SUFFIX)]})
    for branch in (DAEMONS, MAILBOXES):
        store.ensure(branch, {"objectClass": [b"organizationalUnit"], "ou": [_value(branch)]})
    for user in _ASKING:
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
    )


def _value(entry: str) -> bytes:
    return entry.partition(",")[0].partition("=")[2].encode()
