"""Which hosts a command is about, and how each is reached: pure, from the inventory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:  # the model is slow to import, and the pyinfra process has no need of it
    from vaguemestre.establishment import Establishment, Fleet, Host


_NAMED = 20  # names of a large inventory that are given to somebody who mistyped


class SelectionError(VaguemestreError):
    """A name on the command line is neither an establishment nor a host of the inventory."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Target:
    """How one host is reached over SSH: as `user` once it is prepared, as `bootstrap_user` for the first contact.

    `key` and `known_hosts` are absolute paths; None leaves the choice to the administrator's own SSH agent and files.
    With `container` (``podman/NAME``, ``docker/NAME``) the first contact is a shell in that running container instead.
    """

    name: str
    address: str
    port: int
    user: str
    bootstrap_user: str
    key: str | None
    known_hosts: str | None
    container: str | None = None

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def select(fleet: Fleet, names: Sequence[str] = ()) -> tuple[tuple[Establishment, Host], ...]:
    """The hosts meant by `names` (slugs of establishments or names of hosts), in rollout order; none means all.

    Raises:
        SelectionError: a name means nothing here (the nearest known ones are given), or no host is left.
    """
    refuse_unknown(fleet, names)
    chosen = tuple(pair for pair in fleet.hosts() if not names or {pair[0].slug, pair[1].name} & set(names))
    if not chosen:
        served = {one.operator for one in fleet.establishments if one.slug in names and one.operator}
        hint = f"its mail is on the hosts of {', '.join(sorted(served))}" if served else "only operators have hosts"
        raise SelectionError(f"{', '.join(names) or fleet.root}: there is no host to deal with\n    {hint}")
    return chosen


def refuse_unknown(fleet: Fleet, names: Sequence[str]) -> None:
    """Let pass what are slugs of establishments or names of hosts.

    Raises:
        SelectionError: a name is neither; the nearest known one is given.
    """
    known = {one.slug for one in fleet.establishments} | {host.name for _, host in fleet.hosts()}
    refuse_strangers(names, known, fleet.root)


def refuse_strangers(names: Sequence[str], known: Collection[str], root: Path) -> None:
    """Let pass what is among the `known` names of the inventory `root`; raises as `refuse_unknown`."""
    if unknown := set(names) - set(known):
        raise SelectionError("\n".join(_unknown(name, sorted(known), root) for name in sorted(unknown)))


def _unknown(name: str, known: list[str], root: Path) -> str:
    from difflib import get_close_matches

    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known[:_NAMED])}{more}"
    return f"{name}: no establishment and no host of {root} has this name\n    {hint}"


def target(fleet: Fleet, establishment: Establishment, host: Host) -> Target:
    """How to reach this host; paths of the inventory are made absolute."""
    ssh = establishment.settings.ssh
    return Target(
        name=host.name,
        address=str(host.address),
        port=host.ssh_port,
        user=ssh.user,
        bootstrap_user=ssh.bootstrap_user,
        key=_absolute(fleet, ssh.key),
        known_hosts=_absolute(fleet, ssh.known_hosts),
    )


def _absolute(fleet: Fleet, path: Path | None) -> str | None:
    return str((fleet.root / path.expanduser()).resolve()) if path else None
