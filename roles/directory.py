"""Role directory: the nation's mailboxes in the local directory, and ours in the nation's."""

from __future__ import annotations

from collections.abc import Iterator

from vaguemestre.context import Context
from vaguemestre.establishment import RoleName
from vaguemestre.release import Item, Package

NEEDS = (RoleName.BASE, RoleName.PKI, RoleName.OPENLDAP)


def items(context: Context) -> Iterator[Item]:
    """The account, its settings, and the timers that fetch, apply and publish."""
    yield Package("tzdata")
