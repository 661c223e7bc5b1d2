"""Every credential of an inventory: where it stands in its life, who uses it, how its key is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from vaguemestre.errors import Exit
from vaguemestre.pki.bearer import Bearer
from vaguemestre.pki.shelf import Shelf, Slot
from vaguemestre.release import Release

_SECRETS = (Slot.LIVE.key, Slot.LIVE.chain)


class Stage(Enum):
    """How near the end is; the value is what people are shown."""

    FINE = "fine"
    DAYS_90 = "90 days"
    DAYS_60 = "60 days"
    DAYS_30 = "30 days"
    DAYS_7 = "7 days"
    EXPIRED = "expired"


_STAGES = ((7, Stage.DAYS_7), (30, Stage.DAYS_30), (60, Stage.DAYS_60), (90, Stage.DAYS_90))
_DUE = (Stage.DAYS_30, Stage.DAYS_7)


def stage(ends: datetime, now: datetime) -> Stage:
    """The stage of what ends then: in less than 7, 30, 60 or 90 days, the limits of the hosts' own alarms."""
    left = (ends - now).total_seconds() / 86400
    if left < 0:
        return Stage.EXPIRED
    return next((stage for days, stage in _STAGES if left < days), Stage.FINE)


@dataclass(frozen=True)
class Holding:
    """One certificate, or a request for one. `state` is live, next, previous, requested, anchor or test authority.

    `sealed` says how its key is kept here; None when there is no key of it. `used_by` are systemd units.
    """

    bearer: str
    product: str
    state: str
    subject: str
    issuer: str = ""
    serial: str = ""
    sha256: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    used_by: tuple[str, ...] = ()
    sealed: bool | None = None

    @property
    def counts(self) -> bool:
        """Whether its end would be felt: what is over, or only asked for, ends quietly."""
        return self.state not in ("previous", "requested")

    def days(self, now: datetime) -> int | None:
        return None if self.ends is None else (self.ends - now).days

    def stage(self, now: datetime) -> Stage | None:
        return None if self.ends is None else stage(self.ends, now)


def code(holdings: Iterable[Holding], now: datetime) -> Exit:
    """FAILED (1) when something in use has expired, CHANGES (3) when it is due within 30 days."""
    found = {one.stage(now) for one in holdings if one.counts}
    if Stage.EXPIRED in found:
        return Exit.FAILED
    return Exit.CHANGES if found & set(_DUE) else Exit.OK


def of_bearer(bearer: Bearer, users: Sequence[str] = ()) -> Iterator[Holding]:
    """What the store holds for one bearer; `users` are the units that read what is live."""
    shelf = Shelf(bearer)
    for slot, state in ((Slot.LIVE, "live"), (Slot.NEXT, "next"), (Slot.PREVIOUS, "previous")):
        if found := shelf.chain(slot):
            used = tuple(users) if slot is Slot.LIVE else ()
            yield _holding(bearer.name, bearer.kind.value, state, found.leaf, used, shelf.sealed(slot))
    if csr := shelf.requested():
        subject = csr.subject.rfc4514_string()
        sealed = shelf.sealed(Slot.NEXT)
        yield Holding(bearer.name, bearer.kind.value, "requested", subject, sealed=sealed)


def of_authorities(
    certificates: Iterable[x509.Certificate], state: str, users: Sequence[str] = (), sealed: bool | None = None
) -> Iterator[Holding]:
    """Authorities: whom hosts believe (`anchor`), or the lab's own (`test authority`)."""
    for one in certificates:
        yield _holding(_common_name(one), "authority", state, one, tuple(users), sealed)


def users(release: Release) -> dict[str, tuple[str, ...]]:
    """Which units read the host's certificate or key (``own``), and which the anchors (``anchors``)."""
    own = {one.path for one in release.credentials if one.secret in _SECRETS}
    anchors = {one.path for one in release.files if _holds_certificates(release, one.path, one.content)}
    return {"own": _readers(release, own), "anchors": _readers(release, anchors)}


def _holds_certificates(release: Release, path: str, content: bytes) -> bool:
    return release.authors.get(path) == "pki" and b"-----BEGIN CERTIFICATE-----" in content


def _readers(release: Release, paths: set[str]) -> tuple[str, ...]:
    read = (one.name for one in release.units if paths & {*one.inputs, *one.restart_on})
    return tuple(sorted(name.removesuffix(".service") for name in read))


def _holding(
    name: str, product: str, state: str, one: x509.Certificate, used_by: tuple[str, ...], sealed: bool | None
) -> Holding:
    return Holding(
        bearer=name,
        product=product,
        state=state,
        subject=one.subject.rfc4514_string(),
        issuer=one.issuer.rfc4514_string(),
        serial=f"{one.serial_number:x}",
        sha256=one.fingerprint(hashes.SHA256()).hex(),
        begins=one.not_valid_before_utc,
        ends=one.not_valid_after_utc,
        used_by=used_by,
        sealed=sealed,
    )


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()
