"""Role base, further room: administrators of hosted establishments, who reach their own mailboxes and nothing else.

Each establishment has an account whose keys start one program, whatever is asked (`vaguemestre.host.delegated`): no
shell, no terminal, no forwarding. The keys lie where the account cannot write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.establishment import Establishment, Mode
from vaguemestre.release import Account, Directory, File, Item
from vaguemestre.render import file, text

FOLDER = "/etc/vaguemestre/administrators"
DAEMON = "/etc/ssh/sshd_config.d/10-vaguemestre-administrators.conf"
SUDOERS = "/etc/sudoers.d/vaguemestre-administrators"


@dataclass(frozen=True)
class Delegated:
    """A hosted establishment on its operator's host: its account, and its number by which it is known there."""

    account: str
    structure: str
    keys: tuple[str, ...]


def delegated(context: Context) -> tuple[Delegated, ...]:
    """Those that have administrators, on the host with the mailboxes."""
    if context.host not in context.establishment.providers:
        return ()
    return tuple(map(_delegated, (one for one in context.served if one.mode is Mode.HOSTED and one.administrators)))


def _delegated(one: Establishment) -> Delegated:
    keys = tuple(administrator.key for administrator in one.administrators)
    return Delegated(f"vgm-{one.finess.lower()}", one.structure_id, keys)


def items(context: Context) -> Iterator[Item]:
    """Accounts, keys, and what sshd and sudo let them do."""
    known = delegated(context)
    if not known:
        return
    yield Directory(FOLDER)
    for one in known:
        yield Account(one.account, home=FOLDER, shell="/bin/sh")  # noqa: S604 - sshd starts the program by a shell
        written = text("base/fragments/administrator.j2", one=one, runtime=runtime.PATH)
        yield File(f"{FOLDER}/{one.account}", written.encode())
    yield file("base", DAEMON, accounts=",".join(one.account for one in known), folder=FOLDER)
    yield file("base", SUDOERS, mode=0o440, known=known, runtime=runtime.PATH)


def judges(context: Context) -> tuple[tuple[str, ...], ...]:
    """sudo refuses to work at all with a file that it cannot read."""
    return (("/usr/sbin/visudo", "-cf", SUDOERS),) if delegated(context) else ()
