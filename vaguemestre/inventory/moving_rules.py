"""Rules of an establishment between two stacks: `moving_from` and what it is, or will be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vaguemestre.errors import Problem
from vaguemestre.establishment import Establishment, Mode, RoleName

if TYPE_CHECKING:
    from vaguemestre.inventory.rules import Reading


def moves_between_two_stacks(reading: Reading) -> Iterator[Problem]:
    """It leaves one stack of this inventory for another."""
    by_slug = {source.establishment.slug: source.establishment for source in reading.sources}
    for source in reading.sources:
        one = source.establishment
        if one.moving_from and (wrong := _wrong(one, by_slug, reading.broken)):
            yield source.document.problem(("moving_from",), *wrong)


def _wrong(one: Establishment, by_slug: dict[str, Establishment], broken: frozenset[str]) -> tuple[str, str] | None:
    before, after = one.moving_from, one.slug if one.mode is Mode.OPERATOR else one.operator
    if one.mode is Mode.INDIVIDUAL:
        return "an individual establishment has no domains that could move", "remove `moving_from:`"
    if before == after:
        return f"it is {before}'s already", "name where its mailboxes are now, or remove `moving_from:`"
    if before == one.slug:
        return (
            None if _has_mail(one) else ("its own stack has no host with mail", "keep its `hosts:` until it has moved")
        )
    old = by_slug.get(before or "")
    if old is None and before not in broken:
        return f"there is no establishment {before}", "name the operator whose stack has its mailboxes now"
    if old is not None and not _has_mail(old):
        return f"{before} runs no host with mail", "name the operator whose stack has its mailboxes now"
    return None


def administrators_are_of_the_hosted(reading: Reading) -> Iterator[Problem]:
    """An operator's own administrators are those of its controller."""
    for source in reading.sources:
        one = source.establishment
        if one.administrators and one.mode is not Mode.HOSTED:
            yield source.document.problem(
                ("administrators",),
                f"mode {one.mode} has no administrators of its own mailboxes on somebody else's host",
                "remove `administrators:`; an operator's are those who have the controller's SSH key",
            )


def _has_mail(one: Establishment) -> bool:
    return any(host.has(RoleName.POSTFIX) and host.has(RoleName.DOVECOT) for host in one.hosts)
