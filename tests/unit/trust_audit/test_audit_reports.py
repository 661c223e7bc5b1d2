"""Other programs read the verdicts as JSON and JUnit; people are told why an audit does not begin."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vaguemestre import inventory, trust_audit
from vaguemestre.errors import Exit
from vaguemestre.lab.cases import CASES
from vaguemestre.trust_audit import AuditError, Observation, Verdict, report
from vaguemestre.trust_audit.evidence import Returned, returned

PASSED = Verdict("lens", "cert-valide-audit", "Valid", "Valide", "inbound", "accepted", Observation("accepted", "delivered"), 1.5)  # fmt: skip # noqa: E501
FAILED = Verdict(
    "lens", "cert-revoque-audit", "Revoked", "Révoqué", "outbound", "revoked", Observation("", "lost", "a\x00b <x>")
)


def test_json_holds_everything_that_was_seen() -> None:
    made = json.loads(json.dumps(report.plain({"lens": (PASSED, FAILED)}, 12.34)))
    assert (made["schema"], made["passed"], made["seconds"]) == (1, False, 12.3)
    good, bad = made["establishments"][0]["cases"]
    assert good == {
        "case": "cert-valide-audit",
        "direction": "inbound",
        "title": {"fr": "Valide", "en": "Valid"},
        "expected": "accepted",
        "observed": "accepted",
        "fate": "delivered",
        "passed": True,
        "faults": [],
        "detail": "",
        "seconds": 1.5,
    }
    assert (bad["observed"], bad["passed"]) == (None, False)
    assert bad["faults"] == ["expected revoked, observed no reason that is known", "the message was lost"]


def test_junit_counts_and_names_each_case_and_survives_any_bytes() -> None:
    root = ElementTree.fromstring(report.junit({"lens": (PASSED, FAILED)}))  # noqa: S314 - our own
    suite = root.find("testsuite")
    assert suite is not None
    assert {suite.get(name) for name in ("name", "tests", "failures")} == {"lens", "2", "1"}
    names = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
    assert names == [("lens.inbound", "cert-valide-audit"), ("lens.outbound", "cert-revoque-audit")]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.text == "a\ufffdb <x>"


def test_nothing_tried_is_nothing_passed() -> None:
    assert not report.passed({})
    assert report.passed({"lens": (PASSED,)})
    assert not report.passed({"lens": (PASSED, FAILED)})


def test_an_inventory_that_is_no_labs_is_told_whom_to_ask() -> None:
    fleet = inventory.read(Path(__file__).parents[2] / "golden" / "inventories" / "fullest")
    with pytest.raises(AuditError, match="the nation's") as raised:
        trust_audit.audited(fleet)
    assert raised.value.exit_code is Exit.INVALID


def test_an_unknown_case_is_told_with_those_that_are_known() -> None:
    with pytest.raises(AuditError, match=r"(?s)nimporte: no such case.*cert-valide-audit"):
        trust_audit.wanted(["nimporte"])


def test_a_direction_and_a_case_narrow_the_battery() -> None:
    one = trust_audit.wanted(["cert-revoque-audit"], ("outbound",))
    assert ([case.slug for case in one.outbound], one.inbound) == (["cert-revoque-audit"], ())
    everything = trust_audit.wanted()
    assert len(everything.inbound) == sum(case.inbound is not None for case in CASES)


REPORT = b"""\
From: MAILER-DAEMON@mail.test
Content-Type: multipart/report; report-type=delivery-status; boundary="x"
MIME-Version: 1.0

--x
Content-Type: text/plain

words
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.test

Final-Recipient: rfc822; audit@A.test
Action: failed
Status: 5.7.1
Diagnostic-Code: X-Postfix; 5.7.1 Certificat revoque / the operator
    certificate is revoked [VGM-107]

Final-Recipient: rfc822; audit@b.test
Action: delayed
Status: 4.7.5

--x--
"""


def test_a_report_tells_who_was_not_reached_and_why() -> None:
    message = message_from_bytes(REPORT, policy=default)
    assert list(returned(message)) == [
        Returned("audit@a.test", "X-Postfix; 5.7.1 Certificat revoque / the operator certificate is revoked [VGM-107]")
    ]
