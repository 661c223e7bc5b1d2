"""What there is, where it stands in its life, and who uses it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from desk import HOST, REQUEST, Desk, authority, key

from vaguemestre.errors import Exit
from vaguemestre.host.trust.alarms import CERTIFICATE_DAYS
from vaguemestre.pki.asking import ask
from vaguemestre.pki.authority import CertificateRequest
from vaguemestre.pki.fleet import every_holding
from vaguemestre.pki.holdings import Holding, Stage, code, stage, users
from vaguemestre.pki.profiles import now
from vaguemestre.release import Credential, File, Release, Unit

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=1000), Stage.FINE),
        (timedelta(days=90), Stage.FINE),
        (timedelta(days=90, seconds=-1), Stage.DAYS_90),
        (timedelta(days=60), Stage.DAYS_90),
        (timedelta(days=60, seconds=-1), Stage.DAYS_60),
        (timedelta(days=30), Stage.DAYS_60),
        (timedelta(days=30, seconds=-1), Stage.DAYS_30),
        (timedelta(days=7), Stage.DAYS_30),
        (timedelta(days=7, seconds=-1), Stage.DAYS_7),
        (timedelta(0), Stage.DAYS_7),
        (timedelta(seconds=-1), Stage.EXPIRED),
    ],
)
def test_the_stages_are_90_60_30_and_7_days(left: timedelta, expected: Stage) -> None:
    assert stage(MOMENT + left, MOMENT) is expected


def test_the_limits_are_those_at_which_hosts_alarm() -> None:
    named = [int(one.value.split()[0]) for one in Stage if one.value.endswith("days")]
    assert sorted(named) == sorted(CERTIFICATE_DAYS)
    assert all(stage(MOMENT + timedelta(days=days - 0.1), MOMENT).value == f"{days} days" for days in CERTIFICATE_DAYS)


def holding(state: str, days: float) -> Holding:
    return Holding(HOST, "SERV SSL", state, "CN=x", ends=MOMENT + timedelta(days=days))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], Exit.OK),
        ([holding("live", 30)], Exit.OK),
        ([holding("live", 29.9)], Exit.CHANGES),
        ([holding("next", 3)], Exit.CHANGES),
        ([holding("anchor", 3)], Exit.CHANGES),
        ([holding("live", -1)], Exit.FAILED),
        ([holding("live", -1), holding("next", 900)], Exit.FAILED),
        ([holding("live", 900), holding("previous", -1)], Exit.OK),
        ([holding("live", 10), holding("anchor", -1)], Exit.FAILED),
        ([Holding(HOST, "SERV SSL", "requested", "CN=x")], Exit.OK),
    ],
)
def test_the_exit_code_tells_what_is_due(found: list[Holding], expected: Exit) -> None:
    assert code(found, MOMENT) is expected


def test_every_credential_is_there_live_next_previous_program_request_and_anchors(desk: Desk) -> None:
    desk.install(desk.issue(not_after=now() + timedelta(days=20)))
    desk.admit(desk.issue(key=key(2)).key_pem() + desk.issue(key=key(2)).chain_pem())  # the same DN: live at once
    ask(desk.program)
    dpi = CertificateRequest("dossier", REQUEST.organisation, REQUEST.department, REQUEST.structure)
    issued = authority().issue(dpi, key=key(3), usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
    program = desk.program
    desk.admit(issued.key_pem() + issued.chain_pem(), bearer=type(program)(
        program.kind, "dossier", program.establishment, "clients/pasteur/dossier", program.store))  # fmt: skip
    found = [(one.bearer, one.product, one.state, one.sealed) for one in every_holding(desk.fleet)]
    assert found == [
        (HOST, "SERV SSL", "live", True),
        (HOST, "SERV SSL", "previous", False),
        ("dossier", "ORG AUTH_CLI", "live", True),
        ("dpi", "ORG AUTH_CLI", "requested", True),
        ("TEST AC RACINE IGC-SANTE ELEMENTAIRE", "authority", "anchor", None),
        ("TEST AC IGC-SANTE ELEMENTAIRE ORGANISATIONS", "authority", "anchor", None),
    ]


def test_a_certificate_near_its_end_shows_its_days(desk: Desk) -> None:
    desk.install(desk.issue(not_after=now() + timedelta(days=20, minutes=5)))
    live = every_holding(desk.fleet)[0]
    assert (live.days(now()), live.stage(now())) == (20, Stage.DAYS_30)
    assert (live.days(now() + timedelta(days=14)), live.stage(now() + timedelta(days=14))) == (6, Stage.DAYS_7)
    assert live.stage(now() + timedelta(days=21)) is Stage.EXPIRED


def test_status_needs_no_password(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask()
    desk.admit(desk.issue().key_pem() + desk.issue().chain_pem(), new=True)
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
    assert [one.state for one in every_holding(desk.fleet)][:1] == ["next"]


def test_who_uses_a_certificate_is_what_the_release_says() -> None:
    chain, anchors = "/etc/essai/chain.pem", "/etc/essai/national.pem"
    release = Release.of(
        HOST,
        "trixie",
        [
            ("pki", Credential(chain, "tls.pem", "00")),
            ("pki", File(anchors, b"# who is believed\n-----BEGIN CERTIFICATE-----\n")),
            ("mail", File("/etc/essai/mail.conf", b"certificate = /etc/essai/chain.pem\n")),
            ("mail", Unit("smtp.service", inputs=("/etc/essai/mail.conf", chain))),
            ("mail", Unit("imap.service", inputs=("/etc/essai/mail.conf",), restart_on=(chain, anchors))),
            ("mail", Unit("clock.service", inputs=("/etc/essai/mail.conf",))),
        ],
    )
    assert users(release) == {"own": ("imap", "smtp"), "anchors": ("imap",)}
