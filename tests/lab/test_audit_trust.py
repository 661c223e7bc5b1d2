"""Both operators answer every audit case as they must; and the battery is believed, for it notices a broken rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from terminal import Typed

from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.lab.cases import BY_SLUG, CASES
from vaguemestre.pki import making
from vaguemestre.pki.profiles import CLOCK_MARGIN, CRL_LIFE, now

Verdicts = dict[tuple[str, str, str], dict[str, Any]]

SLUGS = ("clinique-pasteur-evreux", "ch-lens")
TRIED = [
    (slug, direction, case.slug)
    for slug in SLUGS
    for direction in ("inbound", "outbound")
    for case in CASES
    if getattr(case, direction)
]


@pytest.fixture(scope="module")
def junit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "reports" / "audit.xml"


@pytest.fixture(scope="module")
def verdicts(operators: Fleet, vaguemestre: Callable[..., Typed], junit: Path) -> Verdicts:
    """What the whole battery found, on both operators side by side."""
    typed = vaguemestre("audit-trust", "--json", f"--junit={junit}")
    assert typed.code in (0, 1), typed.screen
    return _by_case(typed)


def _by_case(typed: Typed) -> Verdicts:
    return {
        (one["establishment"], case["direction"], case["case"]): case
        for one in typed.json["establishments"]
        for case in one["cases"]
    }


@pytest.mark.parametrize(("slug", "direction", "case"), TRIED, ids=["-".join(one) for one in TRIED])
def test_the_operator_answers_as_it_must(verdicts: Verdicts, slug: str, direction: str, case: str) -> None:
    found = verdicts[slug, direction, case]
    assert found["passed"], f"{'; '.join(found['faults'])}\n{found['detail']}"


def test_the_battery_takes_less_than_three_minutes(verdicts: Verdicts) -> None:
    assert max(one["seconds"] for one in verdicts.values()) < 180


def test_ci_reads_the_same_verdicts(verdicts: Verdicts, junit: Path) -> None:
    tree = ElementTree.parse(junit)  # noqa: S314 - our own
    told = {(one.get("classname"), one.get("name")): one.find("failure") is None for one in tree.iter("testcase")}
    assert told == {(f"{slug}.{direction}", case): one["passed"] for (slug, direction, case), one in verdicts.items()}


def test_nothing_of_the_audit_stays_in_the_operators_queues(verdicts: Verdicts, lab: Lab, operators: Fleet) -> None:
    for _, host in operators.hosts():
        queue = lab.exec(host.name, ["postqueue", "-j"]).stdout.decode()
        waiting = [to["address"] for line in queue.splitlines() for to in json.loads(line)["recipients"]]
        assert not [address for address in waiting if address.startswith("audit@")]


# --- The controls: a rule broken on purpose ---------------------------------------------------------------------------


@pytest.fixture
def mended(lab: Lab, vaguemestre: Callable[..., Typed]) -> Iterator[Lab]:
    """The lab, whose nation may be made to publish wrong things; all is right again afterwards."""
    yield lab
    lab.nation.mend()
    vaguemestre("trust", "refresh").succeeded()


def _failed(typed: Typed) -> dict[tuple[str, str], tuple[str, ...]]:
    """The cases that failed, and on which operators."""
    assert typed.code == 1, typed.screen
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for (slug, _, case), one in _by_case(typed).items():
        if not one["passed"]:
            found[case, str(one["observed"])] = (*found.get((case, str(one["observed"])), ()), slug)
    return found


def test_a_wrong_name_in_the_list_fails_its_own_case_and_no_other(
    operators: Fleet, mended: Lab, vaguemestre: Callable[..., Typed]
) -> None:
    valid = BY_SLUG["cert-valide-audit"].domain
    lines = [
        replace(line, dn=line.dn.replace("CN=mx.", "CN=autre.")) if line.domain == valid else line
        for line in mended.nation.nation.lines()
    ]
    mended.nation.republish(lines)
    typed = vaguemestre("audit-trust", "--json", "--direction=in")
    assert _failed(typed) == {("cert-valide-audit", "dn_not_listed"): SLUGS}


def test_a_revocation_list_that_forgets_fails_its_own_case_and_no_other(
    operators: Fleet, mended: Lab, vaguemestre: Callable[..., Typed]
) -> None:
    author, begins = mended.nation.nation.authority.issuing, now() - CLOCK_MARGIN  # no older than the one it replaces
    mended.nation.serve("crl", making.revocation_list(author, {}, begins, begins + CRL_LIFE))
    typed = vaguemestre("audit-trust", "--json", "--direction=in")
    assert _failed(typed) == {("cert-revoque-audit", "accepted"): SLUGS}
