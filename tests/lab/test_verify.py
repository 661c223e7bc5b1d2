"""`vaguemestre verify` on real operators: it says yes when all is well, and names what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal import Typed

from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.verify.verdict import read_junit

HOST = "mail.ch-lens.mssante.test"

Verdicts = dict[str, dict[str, Any]]


@pytest.fixture
def without_dovecot(lab: Lab, operators: Fleet, vaguemestre: Callable[..., Typed]) -> Iterator[None]:
    """CH de Lens with its Dovecot stopped, as by a crash nobody has noticed; `apply` puts it right."""
    assert lab.exec(HOST, ["systemctl", "stop", "dovecot.service"]).returncode == 0
    yield
    vaguemestre("apply", "ch-lens").succeeded()
    vaguemestre("status", "ch-lens").succeeded()


def test_operators_just_provisioned_are_verified(
    operators: Fleet, vaguemestre: Callable[..., Typed], tmp_path: Path
) -> None:
    said = vaguemestre("verify", "--reports", str(tmp_path)).succeeded()
    verdicts = read_junit(tmp_path / "verification.xml")
    assert {one.establishment for one in verdicts} == {one.name for one in operators.establishments}
    assert all(one.outcome == "passed" for one in verdicts)
    for page in (said.out, (tmp_path / "verification.txt").read_text()):
        assert f"{len(verdicts)} behaviours verified, 0 failed, 0 skipped" in page
        assert "  ✓ Writing to somebody outside the trust space is refused at once" in page


def test_what_is_broken_is_named_and_what_works_is_not(
    without_dovecot: None, vaguemestre: Callable[..., Typed], tmp_path: Path
) -> None:
    said = vaguemestre("verify", "ch-lens", "--json", "--reports", str(tmp_path))
    assert said.code == 1, said.screen
    verdicts: Verdicts = {one["behaviour"]: one for one in said.json}
    failed = {behaviour for behaviour, one in verdicts.items() if one["outcome"] == "failed"}
    assert {"IMAP refuses a login before TLS", "A message to a colleague of the same establishment arrives"} <= failed
    assert "refused" in verdicts["IMAP refuses a login before TLS"]["reason"].lower()
    assert verdicts["A server without a certificate is refused"]["outcome"] == "passed"
    assert verdicts["The private key of the host can be read by root alone"]["outcome"] == "passed"
    assert "✗ IMAP refuses a login before TLS" in (tmp_path / "verification.txt").read_text()


def test_an_establishment_that_is_not_in_the_inventory_is_said_at_once(vaguemestre: Callable[..., Typed]) -> None:
    said = vaguemestre("verify", "ch-lns")
    assert said.code == 2
    assert "did you mean ch-lens" in said.screen
