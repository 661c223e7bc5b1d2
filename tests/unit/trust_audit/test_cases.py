"""The cases mean what they say: put to the pure rules, with certificates and list as the lab makes them, each gives
its answer. What only a real session shows (no TLS, From headers, silent peers) is the lab's to prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from vaguemestre.host.trust import decide, whitelist
from vaguemestre.host.trust.certificate import Authorities, Use, authorities, prove
from vaguemestre.host.trust.decide import Space
from vaguemestre.host.trust.domains import domain
from vaguemestre.host.trust.reasons import BY_NAME, Reason
from vaguemestre.host.trust.values import DnKey, Identity, IssuerKey, Standing
from vaguemestre.lab import Plan, listing, peers
from vaguemestre.lab.case import Case
from vaguemestre.lab.cases import CASES
from vaguemestre.lab.plan import SIGNER
from vaguemestre.pki.authority import Authority

NOW = datetime.now(UTC)
OWN = "clinique.mssante.test"
SESSION_ONLY = {"from_disagrees", "from_unusable", "peer_no_tls", "peer_silent", "peer_unreachable", "peer_handshake"}


@dataclass(frozen=True)
class Held:
    """A white list in memory."""

    pairs: frozenset[tuple[str, DnKey]]
    generated: datetime = NOW

    def fresh(self, now: datetime) -> bool:
        return True

    def listed(self, domain: str) -> bool:
        return any(name == domain for name, _ in self.pairs)

    def speaks_for(self, dn: DnKey, domain: str) -> bool:
        return (domain, dn) in self.pairs

    def knows(self, dn: DnKey) -> bool:
        return any(key == dn for _, key in self.pairs)


@dataclass(frozen=True)
class Revoked:
    """A revocation list in memory."""

    serials: frozenset[int]

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        return Standing.REVOKED if serial in self.serials else Standing.GOOD


@dataclass(frozen=True)
class Stage:
    """The lab's world, without the lab."""

    space: Space
    known: Authorities
    pems: dict[str, bytes]

    def proven(self, host: str, use: Use) -> Identity | Reason:
        pem = self.pems[f"{host}.pem"]
        return prove(pem[pem.index(b"-----BEGIN CERT") :], self.known, self.space.revocations, NOW, use)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    authority = Authority.create()
    hosts, domains, listed = peers.plan_of(CASES)
    plan = Plan("essai", IPv4Network("192.0.2.0/24"), (), domains, peers=hosts, listed=listed)
    provided = peers.provide(plan, authority, tmp_path_factory.mktemp("peers"))
    xml = listing.sign(
        listing.compose([listing.Line(one.domain, one.dn) for one in listed], NOW), authority.issue_signer(SIGNER)
    )
    held = whitelist.read(
        xml,
        anchors=[authority.root.leaf, authority.issuing.leaf],
        signer=SIGNER,
        at=None,
        now=NOW,
        max_bytes=1 << 20,
    )
    space = Space(Held(held.pairs()), Revoked(provided.revoked), frozenset({OWN}), NOW)
    pems = {Path(file.path).name: file.content for file in provided.files}
    return Stage(space, authorities(authority.anchors_pem()), pems)


def _named(direction: str) -> list[object]:
    """Those whose answer the rules alone can give: a second recipient is Postfix's to refuse."""
    cases = [c for c in CASES if getattr(c, direction) and getattr(c, direction) not in SESSION_ONLY]
    return [pytest.param(case, id=case.slug) for case in cases if not any(one.second for one in case.transactions)]


@pytest.mark.parametrize("case", _named("inbound"))
def test_the_peer_that_writes_gets_the_answer_of_its_case(stage: Stage, case: Case) -> None:
    certificate = stage.proven(case.hosts[0].name, Use.CLIENT) if case.session == "certificate" else None
    answers = []
    for one in case.transactions:
        sender = one.sender.format(domain=case.domain, own=OWN)
        recipient = one.recipient.format(own=OWN, recipient=f"medecin@{OWN}")
        answers.append(
            decide.session(
                stage.space,
                tls=case.session != "clear",
                certificate=certificate,
                sender=f"MAIL FROM:<{sender}>",
                recipient=f"RCPT TO:<{recipient}>",
            ).reason.name
        )
    assert answers == ["accepted"] * (len(answers) - 1) + [case.inbound]


@pytest.mark.parametrize("case", _named("outbound"))
def test_the_peer_that_is_written_to_gets_the_answer_of_its_case(stage: Stage, case: Case) -> None:
    name = domain(case.address.partition("@")[2])
    reached = [host for host in case.hosts if host.manner in ("tls", "renewed")]
    answers = {decide.peer(stage.space, name, stage.proven(h.name, Use.SERVER)).reason.name: h.name for h in reached}
    assert case.outbound in answers
    if case.outbound == "accepted":
        assert (answers["accepted"],) == case.delivers


def test_every_answer_that_a_case_expects_is_a_reason() -> None:
    assert {one for case in CASES for one in (case.inbound, case.outbound) if one} <= BY_NAME.keys()


def test_no_two_cases_share_a_name_a_domain_or_an_address() -> None:
    for values in (
        [case.slug for case in CASES],
        [case.domain for case in CASES],
        [host.part for case in CASES for host in case.hosts],
        [host.name for case in CASES for host in case.hosts],
    ):
        assert len(values) == len(set(values))


@pytest.mark.slow
def test_what_was_made_is_kept_and_another_authority_makes_it_anew(tmp_path: Path) -> None:
    hosts, domains, listed = peers.plan_of(CASES[:2])
    plan = Plan("essai", IPv4Network("192.0.2.0/24"), (), domains, peers=hosts, listed=listed)
    authority = Authority.create()
    first = peers.provide(plan, authority, tmp_path)
    assert peers.provide(plan, authority, tmp_path).digest == first.digest
    assert peers.provide(plan, Authority.create(), tmp_path).digest != first.digest


def test_a_lab_without_peers_gets_nothing(tmp_path: Path) -> None:
    bare = Plan("essai", IPv4Network("192.0.2.0/24"), ())
    assert peers.provide(bare, Authority.create(), tmp_path).files == ()


def test_the_documentation_tells_every_case_with_its_answers() -> None:
    told = (Path(__file__).parents[3] / "docs" / "audit-trust.md").read_text()
    rows = [line for line in told.splitlines() if line.startswith("| `") and "-audit`" in line]
    assert rows == [f"| `{c.slug}` | {c.fr} | {c.en} | {_told(c.inbound)} | {_told(c.outbound)} |" for c in CASES]


def _told(answer: str | None) -> str:
    if answer is None:
        return "–"
    return "accepté / accepted" if answer == "accepted" else f"`{answer}` {BY_NAME[answer].code}"
