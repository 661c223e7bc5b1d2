"""The certificates of a whole inventory: its files and, where it can be had, what is known outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from vaguemestre import synthesis
from vaguemestre.errors import VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, RoleName
from vaguemestre.host.trust.authorities import AuthorityError, authorities
from vaguemestre.host.trust.dn import key
from vaguemestre.host.trust.values import DnKey
from vaguemestre.pki import check, holdings, outside
from vaguemestre.pki.admission import Terms
from vaguemestre.pki.bearer import Bearer, Kind, bearers
from vaguemestre.pki.check import Learnt, World
from vaguemestre.pki.faults import Fault, PkiError
from vaguemestre.pki.holdings import Holding
from vaguemestre.pki.listed import Held, Pairs, domains
from vaguemestre.pki.shelf import Shelf, Slot
from vaguemestre.preview import UnknownSecrets

if TYPE_CHECKING:
    from vaguemestre.verbs.trust import Answers

_NAME_A_COPY = "name a copy of the list with --white-list FILE"


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
    return _content(fleet.root / one.settings.trust.anchors, "trust.anchors")


def anchors(fleet: Fleet, one: Establishment) -> tuple[x509.Certificate, ...]:
    """The same, read; raises PkiError."""
    return _certificates(fleet.root / one.settings.trust.anchors, "trust.anchors")


def _certificates(file: Path, setting: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(_content(file, setting)))
    except ValueError as error:
        raise PkiError(f"{file}: no readable PEM certificates: {error}\n    see {setting}") from error


def _content(file: Path, setting: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PkiError(f"{file}: the authorities cannot be read: {error.strerror}\n    see {setting}") from error


@dataclass
class WhiteListSource:
    """Where to look for a DN: the list in `file`, else the one that the establishment's own hosts hold.

    Hosts are asked when the answer is needed and not before; `note` then says why there was none. `tell` is called
    before a step that takes long.
    """

    fleet: Fleet
    establishment: Establishment
    file: Path | None
    now: datetime
    tell: Callable[[str], None] = lambda _: None
    note: str = ""

    def __post_init__(self) -> None:
        self._told: Held | None = self._from_file() if self.file else None
        self._asked = self.file is not None

    def __call__(self) -> Held | None:
        """The list, as far as it concerns this operator's domains; None when none could be had."""
        if not self._asked:
            self._asked = True
            self.tell(f"asking the hosts of {self.establishment.slug} what their white list says")
            self._told, self.note = held_by_hosts(self.fleet, self.establishment)
        return self._told

    def _from_file(self) -> Held:
        """Raises PkiError for a list that is not to be believed."""
        assert self.file is not None  # noqa: S101 - seen by the caller
        trust = self.establishment.settings.trust
        own = trust.white_list.anchors or trust.anchors
        believed = _certificates(self.fleet.root / own, "trust.white_list.anchors")
        return Pairs(outside.white_list(self.file, self.establishment.settings, believed, self.now).pairs())


def held_by_hosts(fleet: Fleet, one: Establishment) -> tuple[Held | None, str]:
    """What the verified lists on the operator's hosts say of its domains, or None and why."""
    from vaguemestre.verbs import trust

    pairs: set[tuple[str, DnKey]] = set()
    for domain in domains(fleet.served_by(one)):
        try:
            answers = trust.ask(fleet, (one.slug,), ["lookup", domain])
        except VaguemestreError as error:
            return None, f"the white list was not looked at: {error}\n    {_NAME_A_COPY}"
        told = next((said for said in answers.said.values() if said["result"] in ("listed", "not_listed")), None)
        if told is None:
            return None, f"the white list was not looked at: {_why(answers)}\n    {_NAME_A_COPY}"
        pairs |= {(domain, key(entry["dn"])) for entry in told["entries"]}
    return Pairs(frozenset(pairs)), ""


def _why(answers: Answers) -> str:
    messages = [one.get("message", "") for one in answers.plain().values()]
    return next((message.splitlines()[0] for message in messages if message), "no answer")


def terms(fleet: Fleet, bearer: Bearer, source: WhiteListSource, *, anyway: bool = False) -> Terms:
    """What a certificate is held against."""
    one = bearer.establishment
    return Terms(anchors(fleet, one), domains(fleet.served_by(one)), source, source.now, anyway)


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


@dataclass(frozen=True)
class Means:
    """With what to look outside: files that stand for sources, the clock, and whether hosts and networks are asked."""

    now: datetime
    white_list: Path | None = None
    crls: tuple[Path, ...] = ()
    offline: bool = False
    tell: Callable[[str], None] = lambda _: None


def checked(fleet: Fleet, names: Sequence[str], means: Means) -> list[Checked]:
    """What peers would refuse about each host's live certificate.

    Raises:
        SelectionError, PkiError, SecretsError: a name, a file or the store cannot be used.
    """
    from vaguemestre.engines.targets import select

    chosen = {host.name for _, host in select(fleet, names) if host.has(RoleName.PKI)}
    asked = [one for one in bearers(fleet) if one.kind is Kind.SERVER and one.name in chosen]
    return [_checked(fleet, one, means) for one in asked]


def _checked(fleet: Fleet, bearer: Bearer, means: Means) -> Checked:
    one = bearer.establishment
    wanted = domains(fleet.served_by(one))
    source = WhiteListSource(fleet, one, means.white_list, means.now, means.tell)
    held = None if means.offline and not means.white_list else source()
    known = _revocations(fleet, bearer, means)
    receives = _receives(fleet, bearer) and not means.offline
    mail_hosts = _mail_hosts(one, wanted) if receives else {}
    world = World(anchors_pem(fleet, one), wanted, means.now, held, known if known.any else None, mail_hosts)
    notes = [source.note, *known.notes]
    notes += ["the white list was not looked at"] if held is None and not source.note else []
    notes += [] if known.any else ["revocation was not looked at"]
    notes += [f"the MX of {name} was not looked at" for name in wanted if receives and name not in mail_hosts]
    return Checked(bearer.name, tuple(check.faults(bearer, world)), tuple(filter(None, notes)))


def _revocations(fleet: Fleet, bearer: Bearer, means: Means) -> Learnt:
    chain = Shelf(bearer).chain(Slot.LIVE)
    if chain is None or (means.offline and not means.crls):
        return Learnt()
    try:
        held = authorities(anchors_pem(fleet, bearer.establishment))
    except AuthorityError:
        return Learnt()  # the check itself says so
    return outside.revocations(bearer.establishment.settings, held, [chain.leaf], means.crls, means.now)


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
