"""The rules, as values: who may write to whom, and which reason is given when several would hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from vaguemestre.host.trust import decide, reasons
from vaguemestre.host.trust.decide import Space
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.values import Identity, IssuerKey, Standing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWN, PEER, THIRD, SHARED = "ch-ici.test", "clinique.test", "labo.test", "partage.test"
PEER_DN, THIRD_DN, STRANGER_DN = b"p" * 16, b"t" * 16, b"s" * 16
ISSUER = b"i" * 16


@dataclass(frozen=True)
class Listed:
    """A list as a value. SHARED is ours and the peer's: an establishment that moves to another operator."""

    pairs: frozenset[tuple[bytes, str]] = frozenset({(PEER_DN, PEER), (THIRD_DN, THIRD), (PEER_DN, SHARED)})
    confirmed: datetime = NOW
    generated: datetime = NOW

    def fresh(self, now: datetime) -> bool:
        return now - self.confirmed < timedelta(hours=24)

    def listed(self, domain: str) -> bool:
        return any(domain == one for _, one in self.pairs)

    def speaks_for(self, dn: bytes, domain: str) -> bool:
        return (dn, domain) in self.pairs

    def knows(self, dn: bytes) -> bool:
        return any(dn == one for one, _ in self.pairs)


@dataclass(frozen=True)
class Revoked:
    serials: dict[int, Standing] = field(default_factory=lambda: {66: Standing.REVOKED, 77: Standing.UNKNOWN})

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        return self.serials.get(serial, Standing.GOOD)


SPACE = Space(Listed(), Revoked(), frozenset({OWN, SHARED}), NOW)
STALE = replace(SPACE, listing=Listed(confirmed=NOW - timedelta(days=2)))
EMPTY = replace(SPACE, listing=None)
PROVEN = Identity(PEER_DN, ISSUER, 1, int((NOW + timedelta(days=300)).timestamp()))
STRANGER = replace(PROVEN, dn=STRANGER_DN)
HERE = f"RCPT TO:<dupont@{OWN}>"


@pytest.mark.parametrize(
    ("space", "sender", "identity", "reason"),
    [
        (SPACE, f"a@{PEER}", PROVEN, reasons.ACCEPTED),
        (SPACE, f"A@{PEER.upper()}", PROVEN, reasons.ACCEPTED),
        (SPACE, "", PROVEN, reasons.ACCEPTED),
        (SPACE, "", STRANGER, reasons.OPERATOR_NOT_LISTED),
        (SPACE, f"a@{THIRD}", PROVEN, reasons.DN_NOT_LISTED),
        (SPACE, f"a@service.{PEER}", PROVEN, reasons.SENDER_NOT_LISTED),
        (SPACE, f"a@{PEER}.evil.test", PROVEN, reasons.SENDER_NOT_LISTED),
        (SPACE, "a@dehors.example", PROVEN, reasons.SENDER_NOT_LISTED),
        (SPACE, f"a@{OWN}", PROVEN, reasons.OWN_DOMAIN),
        (SPACE, f"a@{SHARED}", PROVEN, reasons.ACCEPTED),
        (SPACE, f"a@{SHARED}", replace(PROVEN, dn=THIRD_DN), reasons.OWN_DOMAIN),
        (SPACE, "no-domain", PROVEN, reasons.UNUSABLE_SENDER),
        (SPACE, f"a@{PEER}@{THIRD}", PROVEN, reasons.UNUSABLE_SENDER),
        (SPACE, f"a%x@{PEER}", PROVEN, reasons.UNUSABLE_SENDER),
        (SPACE, f"<a@{PEER}>", PROVEN, reasons.UNUSABLE_SENDER),
        (SPACE, f"MAIL FROM:<a@{PEER}> X=@{THIRD}", PROVEN, reasons.UNUSABLE_SENDER),
        (SPACE, f"a@{PEER}\0.test", PROVEN, reasons.UNUSABLE_SENDER),
        (SPACE, f"a@{PEER}", None, reasons.NO_CERTIFICATE),
        (SPACE, f"a@{PEER}", replace(PROVEN, serial=66), reasons.REVOKED),
        (SPACE, f"a@{THIRD}", replace(PROVEN, serial=66), reasons.REVOKED),
        (SPACE, f"a@{PEER}", replace(PROVEN, serial=77), reasons.REVOCATION_UNKNOWN),
        (SPACE, f"a@{PEER}", replace(PROVEN, until=int(NOW.timestamp()) - 1), reasons.EXPIRED),
        (STALE, f"a@{PEER}", PROVEN, reasons.ACCEPTED),
        (STALE, f"a@{THIRD}", PROVEN, reasons.LIST_STALE),
        (STALE, "a@dehors.example", PROVEN, reasons.LIST_STALE),
        (STALE, "", STRANGER, reasons.LIST_STALE),
        (STALE, f"a@{OWN}", PROVEN, reasons.OWN_DOMAIN),
        (EMPTY, f"a@{PEER}", PROVEN, reasons.NO_LIST),
        (EMPTY, "", PROVEN, reasons.NO_LIST),
        (EMPTY, f"a@{PEER}", replace(PROVEN, serial=66), reasons.REVOKED),
    ],
)
def test_a_transaction_is_held_against_the_list_and_the_certificate(
    space: Space, sender: str, identity: Identity | None, reason: Reason
) -> None:
    assert decide.transaction(space, identity, sender).reason is reason


@pytest.mark.parametrize(
    ("tls", "certificate", "sender", "recipient", "reason"),
    [
        (True, PROVEN, f"MAIL FROM:<a@{PEER}> SIZE=12 BODY=8BITMIME", HERE, reasons.ACCEPTED),
        (True, PROVEN, "MAIL FROM:<>", HERE, reasons.ACCEPTED),
        (True, PROVEN, "MAIL FROM:<>", "RCPT TO:<postmaster>", reasons.ACCEPTED),
        (False, None, f"MAIL FROM:<a@{PEER}>", HERE, reasons.NO_TLS),
        (False, PROVEN, f"MAIL FROM:<a@{PEER}>", HERE, reasons.NO_TLS),
        (True, None, f"MAIL FROM:<a@{PEER}>", HERE, reasons.NO_CERTIFICATE),
        (True, reasons.FOREIGN_AUTHORITY, f"MAIL FROM:<a@{PEER}>", HERE, reasons.FOREIGN_AUTHORITY),
        (True, reasons.EXPIRED, "MAIL FROM:<a@dehors.example>", "RCPT TO:<a@b.c>", reasons.EXPIRED),
        (True, PROVEN, f"MAIL FROM:<a@{THIRD}>", "RCPT TO:<a@dehors.example>", reasons.DN_NOT_LISTED),
        (True, PROVEN, f"MAIL FROM:<a@{PEER}>", "RCPT TO:<a@dehors.example>", reasons.NOT_RELAYED),
        (True, PROVEN, f"MAIL FROM:<a@{PEER}>", f"RCPT TO:<a@{PEER}>", reasons.NOT_RELAYED),
        (True, PROVEN, f"MAIL FROM:<a@{PEER}>", f"RCPT TO:<@{OWN}:a@dehors.example>", reasons.UNUSABLE_RECIPIENT),
        (True, PROVEN, f"MAIL FROM:<a@{PEER}>", "RCPT TO:<>", reasons.UNUSABLE_RECIPIENT),
        (True, PROVEN, f"MAIL FROM: a@{PEER}", HERE, reasons.UNUSABLE_SENDER),
    ],
)
def test_a_session_begins_with_proof_then_sender_then_recipient(
    tls: bool, certificate: Identity | Reason | None, sender: str, recipient: str, reason: Reason
) -> None:
    decision = decide.session(SPACE, tls=tls, certificate=certificate, sender=sender, recipient=recipient)
    assert decision.reason is reason
    assert not decision.accepts or decision.identity == PROVEN


@pytest.mark.parametrize(
    ("space", "written", "reason"),
    [
        (SPACE, f"a@{PEER}", reasons.ACCEPTED),
        (SPACE, f"a@{OWN}", reasons.ACCEPTED),
        (SPACE, "postmaster", reasons.ACCEPTED),
        (SPACE, f"a@sous.{PEER}", reasons.RECIPIENT_NOT_LISTED),
        (SPACE, "a@dehors.example", reasons.RECIPIENT_NOT_LISTED),
        (SPACE, "a@[192.0.2.1]", reasons.UNUSABLE_RECIPIENT),
        (SPACE, "", reasons.UNUSABLE_RECIPIENT),
        (SPACE, "quelqu-un", reasons.UNUSABLE_RECIPIENT),
        (STALE, "a@dehors.example", reasons.LIST_STALE),
        (STALE, f"a@{PEER}", reasons.ACCEPTED),
        (EMPTY, f"a@{PEER}", reasons.NO_LIST),
        (EMPTY, f"a@{OWN}", reasons.ACCEPTED),
    ],
)
def test_a_recipient_is_ours_or_inside_the_space(space: Space, written: str, reason: Reason) -> None:
    assert decide.recipient(space, written).reason is reason


@pytest.mark.parametrize(
    ("identity", "sender", "values", "reason"),
    [
        (PROVEN, f"<a@{PEER}>", [f"Dr A <b@{PEER}>"], reasons.ACCEPTED),
        (PROVEN, f"<a@{PEER}>", [f"b@{PEER.upper()}"], reasons.ACCEPTED),
        (PROVEN, f"<a@{PEER}>", [f"b@{THIRD}"], reasons.FROM_DISAGREES),
        (PROVEN, f"<a@{PEER}>", [f"b@sous.{PEER}"], reasons.FROM_DISAGREES),
        (PROVEN, f"<a@{PEER}>", [], reasons.FROM_UNUSABLE),
        (PROVEN, f"<a@{PEER}>", [f"b@{PEER}", f"b@{PEER}"], reasons.FROM_UNUSABLE),
        (PROVEN, f"<a@{PEER}>", [f"b@{PEER}, c@{PEER}"], reasons.FROM_UNUSABLE),
        (PROVEN, f"<a@{PEER}>", ["Jean Dupont"], reasons.FROM_UNUSABLE),
        (PROVEN, f"<a@{PEER}>", [f'"b@{THIRD}" <b@{PEER}>'], reasons.FROM_UNUSABLE),
        (PROVEN, "<>", [f"b@{PEER}"], reasons.ACCEPTED),
        (PROVEN, "<>", [f"b@{THIRD}"], reasons.FROM_DISAGREES),
        (PROVEN, "<>", ["MAILER-DAEMON@mx.clinique-hote.test"], reasons.ACCEPTED),
        (PROVEN, "<>", ["dupont@mx.clinique-hote.test"], reasons.FROM_DISAGREES),
        (PROVEN, "<>", [f"postmaster@{THIRD}"], reasons.FROM_DISAGREES),
        (PROVEN, "<>", [f"MAILER-DAEMON@{OWN}"], reasons.FROM_DISAGREES),
        (None, f"<a@{OWN}>", [f"a@{OWN}"], reasons.ACCEPTED),
        (None, f"<a@{OWN}>", [f"a@{PEER}"], reasons.FROM_DISAGREES),
        (None, "<>", [f"a@{OWN}"], reasons.ACCEPTED),
        (None, "<>", [f"a@{PEER}"], reasons.FROM_DISAGREES),
        (None, "<a@b@c>", [f"a@{OWN}"], reasons.UNUSABLE_SENDER),
    ],
)
def test_the_from_header_agrees_with_the_envelope(
    identity: Identity | None, sender: str, values: list[str], reason: Reason
) -> None:
    assert decide.header_from(SPACE, identity, sender, values).reason is reason


@pytest.mark.parametrize(
    ("space", "domain", "proven", "reason"),
    [
        (SPACE, PEER, PROVEN, reasons.ACCEPTED),
        (SPACE, THIRD, PROVEN, reasons.DN_NOT_LISTED),
        (SPACE, "dehors.example", PROVEN, reasons.RECIPIENT_NOT_LISTED),
        (SPACE, PEER, reasons.EXPIRED, reasons.EXPIRED),
        (SPACE, PEER, reasons.PEER_NO_TLS, reasons.PEER_NO_TLS),
        (SPACE, PEER, replace(PROVEN, serial=66), reasons.REVOKED),
        (SPACE, PEER, replace(PROVEN, serial=77), reasons.REVOCATION_UNKNOWN),
        (SPACE, PEER, replace(PROVEN, until=int(NOW.timestamp()) - 1), reasons.EXPIRED),
        (STALE, THIRD, PROVEN, reasons.LIST_STALE),
        (STALE, PEER, PROVEN, reasons.ACCEPTED),
        (EMPTY, PEER, PROVEN, reasons.NO_LIST),
    ],
)
def test_mail_goes_to_a_server_that_is_proven_for_that_very_domain(
    space: Space, domain: str, proven: Identity | Reason, reason: Reason
) -> None:
    assert decide.peer(space, domain, proven).reason is reason


def test_the_log_gets_domains_and_never_local_parts() -> None:
    assert decide.domain_of(f"MAIL FROM:<marie.durand@{PEER}> SIZE=1") == PEER
    assert decide.domain_of("<>") == ""
    assert decide.domain_of("marie.durand") == "?"
