"""A change as a value to be reviewed: what one release changes against another, and what is too much to do unasked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath

from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.host.activator.disk import Look
from vaguemestre.host.activator.facts import UnitState
from vaguemestre.host.activator.observe import Observed, Seen
from vaguemestre.host.activator.plan import Change, changes, digests
from vaguemestre.release import Credential, Directory, File, Release

Owned = Directory | File | Credential
TRUST_STORE = "/etc/vaguemestre/tls/national.pem"
STORES = ("/var/vmail", "/var/lib/ldap")
"""Where mailboxes lie, and the directory that knows them."""

_WHERE = re.compile(r"^-(mail_(driver|home|path|location|uid|gid)|(first|last)_valid_uid|directory|suffix)\b", re.M)
"""What is taken out of Dovecot's or slapd's configuration when mailboxes are looked for elsewhere from then on."""
_READERS = ("/etc/dovecot/", "/etc/ldap/")


def diff(old: Release | None, new: Release) -> tuple[Change, ...]:
    """What the activator would do on a host that is exactly `old`, or bare when None, to make it `new`.

    It is the activator's own decision, asked of an imagined host: review and reality cannot drift apart.
    """
    return changes(new, old, imagined(old) if old else Observed())


def imagined(release: Release) -> Observed:
    """The host as it is seen when it is exactly what the release says, with every daemon settled and running."""
    owned: tuple[Owned, ...] = (*release.directories, *release.files, *release.credentials)
    users = {name: number for number, name in enumerate(sorted({one.owner for one in owned}))}
    groups = {name: number for number, name in enumerate(sorted({one.group for one in owned}))}
    names = _names(item.path for item in owned)
    return Observed(
        paths={item.path: _seen(item, users[item.owner], groups[item.group], names[item.path]) for item in owned},
        packages=dict.fromkeys((package.name for package in release.packages), ""),
        accounts={account.name: account for account in release.accounts},
        users=users,
        groups=groups,
        units={
            unit.name: UnitState(masked=True) if unit.masked else UnitState(active="active", enabled=True)
            for unit in release.units
        },
        settled={unit.name: digests(unit, release) for unit in release.units if not unit.masked},
    )


def _seen(item: Owned, uid: int, gid: int, names: frozenset[str]) -> Seen:
    if isinstance(item, Directory):
        return Seen(Look("directory", item.mode, uid, gid, 0), names=names)
    if isinstance(item, Credential):
        return Seen(Look("file", item.mode, uid, gid, 0), digest=item.version)
    look = Look("file", item.mode, uid, gid, len(item.content))
    return Seen(look, digest=sha256(item.content).hexdigest(), content=item.content)


def _names(paths: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """What stands in each folder."""
    inside: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for path in map(PurePosixPath, paths):
        inside[str(path.parent)] |= {path.name}
    return inside


@dataclass(frozen=True)
class Limits:
    """What is not done unless it was asked for by name; `allow` holds the names: removals, services, secrets, trust,
    mailboxes.

    In the spirit of octoDNS: a plan that removes much is more often a mistake in the inventory than a wish.
    """

    allow: frozenset[str] = frozenset()
    removals: int = 20

    def crossed(self, planned: Sequence[Change]) -> tuple[str, ...]:
        """What in `planned` goes too far, each as a sentence that ends with the option which permits it."""
        found = {
            "removals": _many_removals(planned, self.removals),
            "services": _sentence("stops for good", _removed(planned, "unit")),
            "secrets": _sentence("removes the secret", _removed(planned, "credential")),
            "trust": _trust(planned),
            "mailboxes": _mailboxes(planned),
        }
        return tuple(f"{wrong} (--allow {name})" for name, wrong in found.items() if wrong and name not in self.allow)


class UnsafePlanError(VaguemestreError):
    """A plan crosses a limit on some host; nothing was changed anywhere."""

    exit_code = Exit.INVALID


def refuse_unsafe(planned: Mapping[str, Sequence[Change]], limits: Limits) -> None:
    """Let pass what stays within the limits on every host.

    Raises:
        UnsafePlanError: naming each host, what goes too far there, and the option that permits it.
    """
    lines = [f"{host} {wrong}" for host, some in planned.items() for wrong in limits.crossed(some)]
    if lines:
        raise UnsafePlanError(
            "this goes further than is done unasked; nothing was changed:\n  "
            + "\n  ".join(lines)
            + "\n    look at the plan; if it is meant, add the option in brackets"
        )


def _many_removals(planned: Sequence[Change], most: int) -> str | None:
    removed = _removed(planned, "file")
    return f"removes {len(removed)} files, more than {most}" if len(removed) > most else None


def _trust(planned: Sequence[Change]) -> str | None:
    touched = any(one.key == TRUST_STORE and one.action in ("update", "remove") for one in planned)
    return "changes which national authorities are believed" if touched else None


def _mailboxes(planned: Sequence[Change]) -> str | None:
    """A daemon that looks elsewhere shows empty mailboxes, and takes new mail there."""
    keys = [one.key for one in planned if one.action in ("update", "mode", "remove") and _moves_mailboxes(one)]
    return _sentence("changes where mailboxes lie, or whose they are", keys)


def _moves_mailboxes(change: Change) -> bool:
    if change.kind == "directory":
        return any(f"{store}/".startswith(f"{change.key}/") or change.key.startswith(f"{store}/") for store in STORES)
    reader = change.kind == "file" and change.key.startswith(_READERS)
    return reader and bool(_WHERE.search(change.diff or ""))


def _removed(planned: Sequence[Change], kind: str) -> list[str]:
    return [one.key for one in planned if one.kind == kind and one.action == "remove"]


def _sentence(verb: str, keys: list[str]) -> str | None:
    return f"{verb}: {', '.join(keys)}" if keys else None


def summary(planned: Sequence[Change]) -> str:
    """One line: how many of what, such as ``2 files, 1 unit``; ``no change`` when there is none."""
    return ", ".join(_counts(planned)) or "no change"


def _counts(planned: Sequence[Change]) -> Iterator[str]:
    for kind, many in _PLURALS.items():
        if number := len({one.key for one in planned if one.kind == kind}):
            yield f"{number} {kind if number == 1 else many}"


_PLURALS = {
    "package": "packages",
    "account": "accounts",
    "directory": "directories",
    "file": "files",
    "credential": "credentials",
    "unit": "units",
}
