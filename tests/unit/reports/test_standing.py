"""A green mark needs evidence: what was seen on the establishment decides, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vaguemestre.reports.requirements import Basis, Chapter, Requirement, Text, catalogue
from vaguemestre.reports.standing import Seen, Standing, Verdict, beyond, standings
from vaguemestre.verify.kept import Asked, Evidence, Verification
from vaguemestre.verify.kept import Seen as Outcome

AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
NOTHING = Seen(None, None)
ROW = Requirement(1, Text("a", "A"), Text("b", "B"), (Basis.CERTAIN,), Text("c", "C"))
MAIL = replace(ROW, behaviours=("mail.to_a_peer", "access.old_tls"))
AUDITED = replace(ROW, cases=("sans-tls-audit.inbound", "sans-tls-audit.outbound"))
WHOLE = replace(ROW, cases=("*",))
LACKING = Text("manque", "lacking")


def record(asked: Asked, **outcomes: Outcome) -> Verification:
    """A whole record; in names, a double underscore stands for a point and a single one for a dash in cases."""
    evidence = []
    for name, outcome in outcomes.items():
        proof = name.replace("__", ".")
        proof = proof.replace("_", "-") if asked == "trust-audit" else proof
        evidence.append(Evidence(proof, "", (1,), f"{name} is so", outcome, 1.0))
    return Verification("20261123T140500Z-abcd", asked, "lens", AT, AT, "me", "1", True, True, (), tuple(evidence))


def verified(**outcomes: Outcome) -> Seen:
    return Seen(record("behaviours", **outcomes), None)


def audited(**outcomes: Outcome) -> Seen:
    return Seen(None, record("trust-audit", **outcomes))


def stands(requirement: Requirement, seen: Seen) -> Standing:
    return standings([Chapter(Text("x", "y"), (requirement,))], seen)[1]


BOTH = verified(mail__to_a_peer="passed", access__old_tls="passed")


@pytest.mark.parametrize(
    ("requirement", "seen", "verdict"),
    [
        (MAIL, BOTH, Verdict.PROVEN),
        (MAIL, verified(mail__to_a_peer="passed", access__old_tls="failed"), Verdict.FAILED),
        (MAIL, verified(mail__to_a_peer="passed", access__old_tls="skipped"), Verdict.PARTLY),
        (MAIL, verified(mail__to_a_peer="passed"), Verdict.PARTLY),
        (MAIL, verified(mail__to_a_peer="skipped", access__old_tls="skipped"), Verdict.OPEN),
        (MAIL, verified(something__else="passed"), Verdict.OPEN),
        (MAIL, NOTHING, Verdict.OPEN),
        (replace(MAIL, kit=("unit/x::y",)), NOTHING, Verdict.OPEN),
        (replace(MAIL, lacks=LACKING), BOTH, Verdict.PARTLY),
        (AUDITED, audited(sans_tls_audit__inbound="passed", sans_tls_audit__outbound="passed"), Verdict.PROVEN),
        (AUDITED, audited(sans_tls_audit__inbound="passed"), Verdict.PARTLY),
        (AUDITED, BOTH, Verdict.KIT),
        (replace(MAIL, cases=AUDITED.cases), BOTH, Verdict.PARTLY),
        (replace(ROW, kit=("unit/x::y",)), BOTH, Verdict.KIT),
        (replace(ROW, kit=("unit/x::y",), lacks=LACKING), BOTH, Verdict.KIT_PARTLY),
        (replace(ROW, lacks=LACKING), BOTH, Verdict.UNCOVERED),
        (WHOLE, audited(sans_tls_audit__inbound="passed", idn_audit__inbound="passed"), Verdict.PROVEN),
        (WHOLE, audited(sans_tls_audit__inbound="passed", idn_audit__inbound="failed"), Verdict.FAILED),
        (WHOLE, NOTHING, Verdict.KIT),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_what_was_seen(requirement: Requirement, seen: Seen, verdict: Verdict) -> None:
    assert stands(requirement, seen).verdict is verdict


def test_without_a_verification_nothing_at_all_is_proven() -> None:
    assert not {one.verdict for one in standings(catalogue(), NOTHING).values()} & {Verdict.PROVEN, Verdict.PARTLY}


def test_what_was_tried_is_dated_and_what_was_not_has_no_date() -> None:
    assert stands(MAIL, BOTH).at == AT
    assert stands(MAIL, NOTHING).at is None


def test_what_was_tried_is_told_in_both_languages() -> None:
    peer, _ = stands(MAIL, verified(mail__to_a_peer="passed", access__old_tls="passed")).items
    assert peer.sentence.fr.startswith("Un message à un professionnel")
    assert peer.sentence.en == "mail__to_a_peer is so"
    (inbound, _) = stands(AUDITED, NOTHING).items
    assert inbound.sentence == Text("Sans TLS (un pair écrit)", "No TLS (a peer writes)")
    assert inbound.outcome == "missing"


def test_a_behaviour_that_this_kit_does_not_know_keeps_its_own_words() -> None:
    seen = verified(mail__of_a_later_kit="passed")
    assert (
        stands(replace(ROW, behaviours=("mail.of_a_later_kit",)), seen).items[0].sentence.fr
        == "mail__of_a_later_kit is so"
    )


def test_what_no_requirement_asks_for_is_told_beyond_the_catalogue() -> None:
    made = record("behaviours", mail__own_staff="passed", mail__to_a_peer="passed")
    without = replace(made.evidence[0], requirements=())
    (one,) = beyond(Seen(replace(made, evidence=(without, made.evidence[1])), None))
    assert one.sentence.fr == "Un message à un collègue du même établissement arrive"
