"""A person without a domain of an establishment is placed by profession."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import HOSTED, OPERATOR, SECOND, write

from vaguemestre import inventory
from vaguemestre.errors import Exit
from vaguemestre.establishment import Fleet
from vaguemestre.placing import placed
from vaguemestre.verbs.mailbox import MailboxError

NURSES, SOCIAL = "infirmiers.pasteur.mssante.test", "social.pasteur.mssante.test"
INDIVIDUAL = HOSTED.replace("mode: hosted", "mode: individual").replace(
    "domains:\n  - name: tilleuls.mssante.test\n", ""
)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Two operators with a domain for nurses each, one with a trial domain for social care."""
    domains = f'  - {{name: {NURSES}, professions: ["60", "69"]}}\n  - {{name: {SOCIAL}, professions: ["S1"]}}\nhosts:'
    others = '  - {name: infirmiers.ch-lens.mssante.test, professions: ["60"]}\nhosts:'
    files = {"pasteur": OPERATOR.replace("hosts:", domains), "lens": SECOND.replace("hosts:", others)}
    return inventory.read(write(tmp_path, **files, tilleuls=INDIVIDUAL))


def test_a_whole_address_stays_as_it_is(fleet: Fleet) -> None:
    assert placed(fleet, "anne@anywhere.test", "60", "nobody") == "anne@anywhere.test"


@pytest.mark.parametrize(("profession", "domain"), [("60", NURSES), ("69", NURSES), ("S1", SOCIAL)])
def test_people_of_an_individual_establishment_are_placed_by_profession(
    fleet: Fleet, profession: str, domain: str
) -> None:
    assert placed(fleet, "anne", profession, "tilleuls") == f"anne@{domain}"


@pytest.mark.parametrize(
    ("profession", "slug", "said"),
    [
        ("60", None, f"infirmiers.ch-lens.mssante.test or {NURSES}: write the whole address"),
        ("70", "tilleuls", "no domain takes people of profession 70"),
        ("", "tilleuls", "the profession tells the domain"),
        ("60", "ailleurs", "no establishment ailleurs"),
    ],
)
def test_who_cannot_be_placed_is_told_which_domains_there_are(
    fleet: Fleet, profession: str, slug: str | None, said: str
) -> None:
    with pytest.raises(MailboxError, match=said) as refused:
        placed(fleet, "anne", profession, slug)
    assert refused.value.exit_code is Exit.INVALID
