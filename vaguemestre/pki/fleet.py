"""The certificates of a whole inventory: its files and, where it can be had, what is known outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from vaguemestre import synthesis
from vaguemestre.errors import VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, RoleName
from vaguemestre.host.trust.authorities import AuthorityError, authorities
from vaguemestre.pki import check, holdings, outside
from vaguemestre.pki.admission import Terms
from vaguemestre.pki.bearer import Bearer, Kind, bearers
from vaguemestre.pki.check import Learnt, World
from vaguemestre.pki.faults import Fault, PkiError
from vaguemestre.pki.holdings import Holding
from vaguemestre.pki.listed import Held, Pairs, domains
from vaguemestre.pki.shelf import Shelf, Slot
from vaguemestre.preview import UnknownSecrets

_NOT_LOOKED_AT = "the white list was not looked at: name a copy with --white-list FILE"


@dataclass(frozen=True)
class Checked:
    """What `check` found about one host, and what it could not look at."""

    host: str
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def anchors_pem(fleet: Fleet, one: Establishment) -> bytes:
    """The authorities that this establishment's hosts believe.

    Raises:
        PkiError: the file cannot be read.
    """
    file = fleet.root / one.settings.trust.anchors
    try:
        return file.read_bytes()
    except OSError as error:
        raise PkiError(f"{file}: the trust anchors cannot be read: {error.strerror}\n    see trust.anchors") from error


def anchors(fleet: Fleet, one: Establishment) -> tuple[x509.Certificate, ...]:
    """The same, read; raises PkiError."""
    try:
        return tuple(x509.load_pem_x509_certificates(anchors_pem(fleet, one)))
    except ValueError as error:
        raise PkiError(f"{fleet.root / one.settings.trust.anchors}: no readable PEM certificates: {error}") from error


def terms(
    fleet: Fleet, bearer: Bearer, white_list: Path | None, now: datetime, *, anyway: bool = False
) -> tuple[Terms, str]:
    """What a certificate is held against, and a note on what could not be had."""
    one = bearer.establishment
    believed = anchors(fleet, one)
    held, note = None, ""
    if bearer.kind is Kind.SERVER:
        held, note = _held(one, white_list, believed, now)
    return Terms(believed, domains(fleet.served_by(one)), held, now, anyway), note


def every_holding(fleet: Fleet) -> list[Holding]:
    """Every credential: hosts, programs, anchors and, in the lab, the test authority.

    Raises:
        PkiError, SecretsError: a file of the store or the anchors cannot be read.
    """
    used = {host.name: _users(fleet, one, host.name) for one, host in fleet.hosts()}
    found = [
        holding
        for bearer in bearers(fleet)
        for holding in holdings.of_bearer(bearer, used.get(bearer.name, {}).get("own", ()))
    ]
    readers = tuple(sorted({unit for units in used.values() for unit in units.get("anchors", ())}))
    believed = dict.fromkeys(each for one in fleet.establishments for each in anchors(fleet, one))
    found += holdings.of_authorities(believed, "anchor", readers)
    return [*found, *_test_authority(fleet)]


def checked(
    fleet: Fleet, names: Sequence[str], white_list: Path | None, crls: Sequence[Path], now: datetime, *, offline: bool
) -> list[Checked]:
    """What peers would refuse about each host's live certificate.

    Raises:
        SelectionError, PkiError, SecretsError: a name, a file or the store cannot be used.
    """
    from vaguemestre.engines.targets import select

    chosen = {host.name for _, host in select(fleet, names) if host.has(RoleName.PKI)}
    asked = [one for one in bearers(fleet) if one.kind is Kind.SERVER and one.name in chosen]
    return [_checked(fleet, one, white_list, crls, now, offline=offline) for one in asked]


def _checked(
    fleet: Fleet, bearer: Bearer, white_list: Path | None, crls: Sequence[Path], now: datetime, *, offline: bool
) -> Checked:
    one = bearer.establishment
    believed = anchors(fleet, one)
    wanted = domains(fleet.served_by(one))
    held, note = _held(one, white_list, believed, now)
    known = _revocations(fleet, bearer, crls, now, offline=offline)
    mail_hosts = {} if offline or not _receives(fleet, bearer) else _mail_hosts(one, wanted)
    pem = anchors_pem(fleet, one)
    world = World(pem, wanted, now, held, known if known.any else None, mail_hosts)
    notes = [note, *known.notes]
    notes += ["revocation was not looked at"] if not known.any else []
    notes += [f"MX of {name} not looked at" for name in wanted if _receives(fleet, bearer) and name not in mail_hosts]
    return Checked(bearer.name, tuple(check.faults(bearer, world)), tuple(filter(None, notes)))


def _held(
    one: Establishment, file: Path | None, believed: Sequence[x509.Certificate], now: datetime
) -> tuple[Held | None, str]:
    if file is None:
        return None, _NOT_LOOKED_AT
    found = outside.white_list(file, one.settings, believed, now)
    return Pairs(found.pairs()), ""


def _revocations(fleet: Fleet, bearer: Bearer, crls: Sequence[Path], now: datetime, *, offline: bool) -> Learnt:
    chain = Shelf(bearer).chain(Slot.LIVE)
    if chain is None or (offline and not crls):
        return Learnt()
    try:
        held = authorities(anchors_pem(fleet, bearer.establishment))
    except AuthorityError:
        return Learnt()  # the check itself says so
    return outside.revocations(bearer.establishment.settings, held, [chain.leaf], crls, now)


def _receives(fleet: Fleet, bearer: Bearer) -> bool:
    """Whether this host is where mail from outside arrives."""
    (host,) = (host for _, host in fleet.hosts() if host.name == bearer.name)
    return host.has(RoleName.EDGE) or host.has(RoleName.POSTFIX)


def _mail_hosts(one: Establishment, wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return outside.mail_hosts(wanted, [str(address) for address in one.settings.resolvers])


def _users(fleet: Fleet, one: Establishment, name: str) -> dict[str, tuple[str, ...]]:
    """Who reads the certificate on this host; nobody is named when its release cannot be built at present."""
    host = next(host for host in one.hosts if host.name == name)
    try:
        release = synthesis.synthesise(synthesis.context(fleet, one, host, UnknownSecrets()))
    except VaguemestreError:
        return {}
    return holdings.users(release)


def _test_authority(fleet: Fleet) -> Iterator[Holding]:
    if fleet.settings.lab is None:
        return
    from vaguemestre.lab import Lab
    from vaguemestre.overlay import lab_name
    from vaguemestre.pki.authority import Authority

    state = Lab.open(lab_name()).state()
    if state is not None:
        yield from holdings.of_authorities(
            Authority.load(state.authority).issuing.chain, "test authority", ("lab",), sealed=False
        )
