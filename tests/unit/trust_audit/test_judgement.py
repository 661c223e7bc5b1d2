"""What an operator did is read from its words and from the peers' record, and judged case by case."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vaguemestre.host.trust.reasons import REASONS, REVOKED
from vaguemestre.lab.cases import BY_SLUG
from vaguemestre.trust_audit import inbound, outbound
from vaguemestre.trust_audit.evidence import Decided, Event, Reply, Returned, complaint, decisions, events, reason_in
from vaguemestre.trust_audit.outbound import Traces
from vaguemestre.trust_audit.verdict import Direction, Observation, Verdict

RUN = "audit0"
VALID, REVOKED_CASE, TWO = (BY_SLUG[s] for s in ("cert-valide-audit", "cert-revoque-audit", "deux-domaines-audit"))
HOST = "mail.clinique.test"
TAKEN = Reply("", 1, "submission", 250, "2.0.0 Ok: queued")


def reply(step: str, code: int, text: str = "", number: int = 1) -> Reply:
    return Reply("case", number, step, code, text)


def message_through(number: int = 1) -> list[Reply]:
    return [reply("MAIL", 250, "", number), reply("RCPT", 250, "", number), reply("message", 250, "2.0.0 Ok", number)]


def event(kind: str, host: str, *, session: int = 1, **more: Any) -> Event:
    return Event(0.0, session, host, "192.0.2.1", kind, more)


def delivery(host: str, slug: str, name: str = HOST, *, tls: bool = True) -> tuple[Event, ...]:
    shown = (event("tls", host, name=name),) if tls else ()
    words = [event("command", host, verb=verb, tls=tls) for verb in ("EHLO", "MAIL", "RCPT", "DATA")]
    return (*shown, *words, event("message", host, message=f"Message-ID: <{RUN}.{slug}.out@x.test>", tls=tls))


# --- A peer writes -----------------------------------------------------------------------------------------------


def test_a_message_in_the_mailbox_is_accepted() -> None:
    seen = inbound.observed(VALID, RUN, message_through(), {inbound.mark(RUN, VALID, 1)}, "", "192.0.2.9")
    assert (seen.reason, seen.fate, seen.breaches) == ("accepted", "delivered", ())


def test_a_message_that_was_taken_but_never_arrived_is_lost() -> None:
    assert inbound.observed(VALID, RUN, message_through(), set(), "", "192.0.2.9").fate == "lost"


@pytest.mark.parametrize("reason", [one for one in REASONS if not one.accepts], ids=lambda one: one.name)
def test_a_refusal_is_known_by_the_code_in_its_text(reason: Any) -> None:
    replies = [reply("MAIL", 250), reply("RCPT", reason.smtp, reason.text), reply("QUIT", 221)]
    seen = inbound.observed(REVOKED_CASE, RUN, replies, set(), "", "192.0.2.9")
    assert (seen.reason, seen.fate) == (reason.name, "refused")


def test_a_refusal_without_a_code_has_no_reason() -> None:
    replies = [reply("RCPT", 550, "5.1.1 no such mailbox")]
    assert inbound.observed(VALID, RUN, replies, set(), "", "192.0.2.9").reason == ""


def test_the_second_transaction_is_the_one_that_must_be_refused() -> None:
    refused = [*message_through(1), reply("MAIL", 250, "", 2), reply("RCPT", 550, "5.7.1 x [VGM-202]", 2)]
    first = inbound.mark(RUN, TWO, 1)
    assert inbound.observed(TWO, RUN, refused, {first}, "", "").reason == "dn_not_listed"
    early = [reply("RCPT", 550, "5.7.1 x [VGM-202]", 1)]
    assert inbound.observed(TWO, RUN, early, set(), "", "").breaches == ("refused too early",)


def test_a_refused_message_that_arrives_all_the_same_is_a_breach() -> None:
    replies = [reply("message", 550, "5.7.1 x [VGM-206]")]
    arrived = {inbound.mark(RUN, REVOKED_CASE, 1)}
    assert inbound.observed(REVOKED_CASE, RUN, replies, arrived, "", "").breaches


NGINX = (
    "2026/11/23 06:10:00 [info] 12#12: *7 client SSL certificate verify error: (10:certificate has expired) while SSL "
    "handshaking, client: 192.0.2.103:40022, server: 0.0.0.0:25\n"
    "2026/11/23 06:10:01 [info] 12#12: *8 client SSL certificate verify error: (9:certificate is not yet valid) while "
    "SSL handshaking, client: 192.0.2.10:40023, server: 0.0.0.0:25\n"
)


def test_what_nginx_refuses_by_itself_is_explained_by_its_own_line_about_that_client() -> None:
    replies = [reply("EHLO", 421, "4.7.1 SSL certificate error", 0)]
    seen = inbound.observed(BY_SLUG["cert-expire-audit"], RUN, replies, set(), NGINX, "192.0.2.103")
    assert (seen.reason, seen.fate) == ("expired", "refused")
    assert complaint(NGINX, "192.0.2.10")[0] == "not_yet_valid"
    assert complaint(NGINX, "192.0.2.1") == ("", "")


def test_a_session_that_merely_ends_has_no_reason() -> None:
    assert inbound.observed(VALID, RUN, [reply("EHLO", 0, "hung up", 0)], set(), "", "192.0.2.9").reason == ""


def test_a_message_passed_on_to_a_peer_or_outside_is_told() -> None:
    case = BY_SLUG["relais-dehors-audit"]
    text = f"Message-ID: <{inbound.mark(RUN, case, 1)}>"
    assert inbound.relayed(case, RUN, [event("message", "mx.a.test", message=text)], "") == (
        "the message was passed on to mx.a.test",
    )
    assert inbound.relayed(case, RUN, [], text) == ("the message was passed on outside the trust space",)
    assert inbound.relayed(case, RUN, [event("message", "mx.a.test", message="another")], "") == ()


# --- The operator writes -----------------------------------------------------------------------------------------


def test_a_message_at_the_peer_with_our_certificate_shown_is_delivered() -> None:
    traces = Traces(delivery(VALID.hosts[0].name, VALID.slug))
    seen = outbound.observed(VALID, RUN, HOST, TAKEN, traces)
    assert (seen.reason, seen.fate, seen.breaches) == ("accepted", "delivered", ())


def test_another_certificate_than_the_hosts_own_is_a_breach() -> None:
    traces = Traces(delivery(VALID.hosts[0].name, VALID.slug, name="mail.other.test"))
    assert outbound.observed(VALID, RUN, HOST, TAKEN, traces).breaches


def test_a_word_of_mail_in_clear_is_a_breach() -> None:
    case = BY_SLUG["sans-tls-audit"]
    traces = Traces((event("command", case.hosts[0].name, verb="MAIL", tls=False),))
    assert outbound.observed(case, RUN, HOST, TAKEN, traces).breaches == (
        "MAIL was said in clear to mx.sans-tls-audit.espacedeconfiance.test",
    )


def test_an_envelope_shown_to_a_refused_peer_is_a_breach_even_in_tls() -> None:
    host = REVOKED_CASE.hosts[0].name
    traces = Traces((event("tls", host, name=HOST), event("command", host, verb="MAIL", tls=True)))
    assert outbound.observed(REVOKED_CASE, RUN, HOST, TAKEN, traces).breaches


def test_looking_at_a_peers_certificate_is_none() -> None:
    host = REVOKED_CASE.hosts[0].name
    probing = [event("command", host, verb=verb, tls=False) for verb in ("EHLO", "STARTTLS")]
    traces = Traces((event("connection", host), *probing, event("tls", host, name=HOST)))
    assert outbound.observed(REVOKED_CASE, RUN, HOST, TAKEN, traces).breaches == ()


def test_of_two_servers_only_the_right_one_may_get_the_message() -> None:
    case = BY_SLUG["mx-mauvais-audit"]
    bad, good = (host.name for host in case.hosts)
    assert outbound.observed(case, RUN, HOST, TAKEN, Traces(delivery(good, case.slug))).breaches == ()
    assert outbound.observed(case, RUN, HOST, TAKEN, Traces(delivery(bad, case.slug))).breaches


def test_a_report_says_why_a_message_came_back() -> None:
    report = Returned(REVOKED_CASE.address, f"smtp; {REVOKED.text}")
    seen = outbound.observed(REVOKED_CASE, RUN, HOST, TAKEN, Traces(reports=(report,)))
    assert (seen.reason, seen.fate) == ("revoked", "returned")


def test_what_waits_has_the_last_reason_of_the_daemons_journal() -> None:
    said = tuple(Decided("map_tls", one, REVOKED_CASE.domain, "") for one in ("peer_unreachable", "revoked"))
    other = Decided("auth_http", "no_tls", REVOKED_CASE.domain, "")
    traces = Traces(decisions=(*said, other), queued=((REVOKED_CASE.address, "TLS policy lookup error"),))
    seen = outbound.observed(REVOKED_CASE, RUN, HOST, TAKEN, traces)
    assert (seen.reason, seen.fate, seen.detail) == ("revoked", "deferred", "TLS policy lookup error")
    assert not outbound.settled(REVOKED_CASE, seen)


def test_a_silent_peer_is_settled_once_its_message_waits() -> None:
    case = BY_SLUG["muet-audit"]
    waits = Traces(decisions=(Decided("map_tls", "peer_silent", case.domain, ""),), queued=((case.address, "x"),))
    assert outbound.settled(case, outbound.observed(case, RUN, HOST, TAKEN, waits))


def test_a_refusal_at_submission_is_one() -> None:
    case = BY_SLUG["enfant-audit"]
    seen = outbound.observed(case, RUN, HOST, Reply("", 1, "submission", 550, "5.7.1 x [VGM-208]"), Traces())
    assert (seen.reason, seen.fate) == ("recipient_not_listed", "refused")


# --- Verdicts ----------------------------------------------------------------------------------------------------


def verdict(expected: str, seen: Observation, direction: Direction = "outbound") -> Verdict:
    return Verdict("clinique", "case", "title", "titre", direction, expected, seen)


@pytest.mark.parametrize(
    ("expected", "seen", "direction", "passes"),
    [
        ("accepted", Observation("accepted", "delivered"), "inbound", True),
        ("accepted", Observation("accepted", "lost"), "inbound", False),
        ("accepted", Observation("accepted", "deferred"), "outbound", False),
        ("accepted", Observation("accepted", "delivered", breaches=("in clear",)), "outbound", False),
        ("revoked", Observation("revoked", "refused"), "inbound", True),
        ("revoked", Observation("revoked", "returned"), "outbound", True),
        ("revoked", Observation("revoked", "deferred"), "outbound", False),
        ("revoked", Observation("revoked", "delivered"), "outbound", False),
        ("revoked", Observation("dn_not_listed", "returned"), "outbound", False),
        ("revoked", Observation("", "refused"), "inbound", False),
        ("peer_silent", Observation("peer_silent", "deferred"), "outbound", True),
        ("peer_silent", Observation("peer_silent", "lost"), "outbound", False),
    ],
)
def test_a_case_passes_for_its_own_reason_only(
    expected: str, seen: Observation, direction: Direction, passes: bool
) -> None:
    assert verdict(expected, seen, direction).passed is passes


# --- What is read ------------------------------------------------------------------------------------------------


def test_journal_lines_that_are_no_decisions_are_passed_over() -> None:
    lines = [
        "Started vaguemestre-trust.service",
        json.dumps({"event": "started"}),
        json.dumps({"face": "map_tls", "verdict": "revoked", "code": "VGM-107", "domain": "A.Test"}),
        "[1, 2]",
    ]
    assert decisions("\n".join(lines)) == (Decided("map_tls", "revoked", "a.test", ""),)


def test_half_a_line_of_a_record_is_passed_over() -> None:
    whole = {"time": 1.0, "session": 3, "host": "mx.a.test", "client": "192.0.2.1", "event": "connection"}
    assert len(events(json.dumps(whole) + '\n{"time": 1.0, "ses')) == 1


def test_the_last_code_in_a_text_counts() -> None:
    assert reason_in("host said: 550 5.7.1 ... [VGM-107] (in reply to RCPT)") == "revoked"
    assert reason_in("[VGM-999]") == ""
