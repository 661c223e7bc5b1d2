"""`vaguemestre report` on real operators: what was verified, signed by the host, and the fleet's overview.

After test_verify.py by its name, so that there are verifications to report on; alone, it verifies first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Typed

from vaguemestre.engines import pyinfra, wire
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.reports import document
from vaguemestre.verify import kept
from vaguemestre.verify.kept import Verification

LENS, PASTEUR = "ch-lens", "clinique-pasteur-evreux"
HOST = "mail.ch-lens.mssante.test"


@pytest.fixture(scope="module")
def verified(
    operators: Fleet, vaguemestre: Callable[..., Typed], tmp_path_factory: pytest.TempPathFactory
) -> Verification:
    """The last verification of the CH de Lens; it may have failed, on purpose."""
    if kept.last(operators, LENS) is None:
        vaguemestre("verify", LENS, "--reports", str(tmp_path_factory.mktemp("reports"))).succeeded()
    found = kept.last(operators, LENS)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def page(verified: Verification, vaguemestre: Callable[..., Typed], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the CH de Lens; its signature stands beside it."""
    path = tmp_path_factory.mktemp("report") / "lens.html"
    vaguemestre("report", LENS, "--html", str(path)).succeeded()
    return path


def test_a_verification_is_kept_with_what_was_live_and_all_that_was_asked(
    verified: Verification, operators: Fleet
) -> None:
    live = pyinfra.live(operators, [HOST])[HOST]
    assert isinstance(live, wire.Status)
    (host,) = verified.hosts
    assert host.name == HOST
    assert host.release in (live.live, live.previous)  # the second, if an apply came between
    assert len(verified.evidence) > 60
    assert {number for one in verified.evidence for number in one.requirements} >= {15, 22, 28, 44, 53, 55}


def test_the_host_signs_its_report_and_the_signature_holds(page: Path, vaguemestre: Callable[..., Typed]) -> None:
    said = vaguemestre("report", LENS, "--check", str(page)).succeeded()
    assert f"by {HOST}, unchanged since" in said.out
    assert "CH de Lens" in said.out
    assert "CN=mail.ch-lens.mssante.test" in page.read_text()


def test_a_report_that_was_changed_is_refused(page: Path, vaguemestre: Callable[..., Typed], tmp_path: Path) -> None:
    changed = tmp_path / page.name
    changed.write_text(page.read_text().replace("verdict", "Verdict") + " ")
    signature = Path(f"{page}{document.SIGNATURE}")
    (tmp_path / signature.name).write_bytes(signature.read_bytes())
    said = vaguemestre("report", "--check", str(changed))
    assert said.code == 1
    assert "not what was signed" in said.screen


def test_the_report_of_one_operator_is_not_anothers(page: Path, vaguemestre: Callable[..., Typed]) -> None:
    said = vaguemestre("report", PASTEUR, "--check", str(page))
    assert said.code == 2
    assert f"which does not serve {PASTEUR}" in said.screen


def test_only_root_signs_and_the_journal_says_what_was_signed(page: Path, lab: Lab) -> None:
    sign = "python3 /usr/lib/vaguemestre/host.pyz sign document --json"
    refused = lab.exec(HOST, ["setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c", f"echo x | {sign}"])
    assert refused.returncode == 1
    assert b'"signature"' not in refused.stdout
    journal = lab.exec(HOST, ["journalctl", "-o", "cat", "--grep", "signed a document"]).stdout.decode()
    assert re.search(r"SHA-256 [0-9a-f]{64}", journal)


def test_no_report_is_made_when_its_host_cannot_be_asked(
    page: Path, lab: Lab, vaguemestre: Callable[..., Typed], tmp_path: Path
) -> None:
    key = "/etc/vaguemestre/tls/key.pem"
    assert lab.exec(HOST, ["mv", key, f"{key}.away"]).returncode == 0
    try:
        said = vaguemestre("report", LENS, "--html", str(tmp_path / "lens.html"))
    finally:
        assert lab.exec(HOST, ["mv", f"{key}.away", key]).returncode == 0
    assert said.code == 1
    assert "key.pem: No such file" in said.screen
    assert list(tmp_path.iterdir()) == []


def test_paper_is_signed_too_and_loads_nothing_that_it_names(
    page: Path, vaguemestre: Callable[..., Typed], tmp_path: Path
) -> None:
    path = tmp_path / "lens.pdf"
    vaguemestre("report", LENS, "--pdf", str(path), "--lang", "fr").succeeded()
    assert path.read_bytes().startswith(b"%PDF-")
    vaguemestre("report", LENS, "--check", str(path)).succeeded()
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    assert b"/EmbeddedFile" not in document.pdf(f'<link rel="attachment" href="{secret.as_uri()}"><p>Évreux</p>')


def test_the_overview_says_where_each_stands(
    verified: Verification, vaguemestre: Callable[..., Typed], tmp_path: Path
) -> None:
    stands = {one["establishment"]: one for one in vaguemestre("report", "--fleet", "--json").succeeded().json}
    assert stands[LENS]["stands"] == ("joined" if verified.passed else "failed")
    assert stands[LENS]["since"]
    path = tmp_path / "fleet.html"
    vaguemestre("report", "--fleet", "--html", str(path)).succeeded()
    assert "CH de Lens" in path.read_text()
