"""`vaguemestre audit-trust` refuses what it cannot do before it does anything, and shows what it found."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from vaguemestre.cli import main
from vaguemestre.cli.audit_trust import _table
from vaguemestre.lab.cases import BY_SLUG
from vaguemestre.trust_audit import Observation, Verdict

REAL = Path(__file__).parents[2] / "golden" / "inventories" / "fullest"


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["audit-trust", *words])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err


def test_a_real_inventory_is_refused_with_the_way_to_the_nations_audit(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = typed(capsys, "-i", str(REAL))
    assert code == 2
    assert "operator contract" in said


def test_an_unknown_case_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = typed(capsys, "-i", str(REAL), "--case", "cert-revoqué-audit")
    assert code == 2
    assert "cert-revoque-audit" in said


def test_a_lab_that_is_not_up_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAGUEMESTRE_LAB", "nothing-here")
    code, said = typed(capsys)
    assert code == 1
    assert "vaguemestre lab up" in said


def test_the_table_sets_both_directions_of_a_case_side_by_side_in_the_order_of_the_cases() -> None:
    revoked, valid = BY_SLUG["cert-revoque-audit"], BY_SLUG["cert-valide-audit"]
    verdicts = [
        Verdict("lens", revoked.slug, revoked.en, revoked.fr, "inbound", "revoked", Observation("revoked", "refused")),
        Verdict("lens", valid.slug, valid.en, valid.fr, "inbound", "accepted", Observation("accepted", "delivered")),
        Verdict("lens", revoked.slug, revoked.en, revoked.fr, "outbound", "revoked", Observation("", "lost")),
    ]
    console = Console(width=180, record=True, file=None, quiet=False, color_system=None)
    with console.capture() as shown:
        console.print(_table("lens", verdicts))
    rows = [line.split() for line in shown.get().splitlines() if "-audit" in line]
    assert [row[0] for row in rows] == ["cert-valide-audit", "cert-revoque-audit"]
    assert rows[0][-3:] == ["✓", "delivered", "–"]
    assert rows[1][3:] == ["✓", "revoked", "(refused)", "✗", "?", "(lost),", "not", "revoked"]
