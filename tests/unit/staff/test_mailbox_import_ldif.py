"""Lists of staff in LDIF, as ldifde and ldapsearch write them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stafflists import ANNE, DOMAIN, PAUL, reading, wrong

RULES = {"columns": {"rpps": "extensionAttribute1"}}


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENTRY = f"""\
dn: CN=Anne ESSAI,OU=Soins,DC=pasteur,DC=test
changetype: add
objectClass: top
objectClass: user
mail: Anne@{DOMAIN}
sn: ESSAI
givenName:: {coded("Élodie")}
department: Urgences
description: mot de passe provisoire au coffre
extensionAttribute1: {ANNE}
userAccountControl: 512
objectGUID:: {base64.b64encode(bytes(range(200, 216))).decode()}
"""
SAID = {"address": f"anne@{DOMAIN}", "person": ANNE, "surname": "ESSAI", "given": "Élodie", "service": "Urgences"}


def folded(text: str, width: int) -> str:
    """Each line cut and continued, as RFC 2849 allows anywhere."""
    pieces = ([line[n : n + width] for n in range(0, len(line), width)] for line in text.splitlines())
    return "".join("\n ".join(one) + "\n" for one in pieces)


@pytest.mark.parametrize(
    "content",
    [
        ENTRY,
        f"version: 1\n\n{ENTRY}",
        f"version: 1\n{ENTRY}",
        f"# exported\n#\n  by nobody\n\n\n{ENTRY}\n\n",
        ENTRY.replace("\n", "\r\n"),
        folded(ENTRY, 17),
        ENTRY.replace("sn: ESSAI", f"sn;lang-fr:: {coded('ESSAI')}"),
        ENTRY.replace("sn:", "SN:"),
        b"\xff\xfe" + ENTRY.encode("utf-16-le"),
        ENTRY.replace(f":: {coded('Élodie')}", ": Élodie"),
    ],
)
def test_an_entry_of_active_directory_is_a_mailbox(tmp_path: Path, content: str | bytes) -> None:
    found = reading(tmp_path, content, **RULES)
    assert [dict(row.said) for row in found.rows] == [SAID]
    assert not found.problems


def test_what_administrators_noted_is_not_published_unasked(tmp_path: Path) -> None:
    assert "description" not in reading(tmp_path, ENTRY, **RULES).rows[0].said
    asked = {"columns": RULES["columns"] | {"description": "description"}}
    assert "coffre" in reading(tmp_path, ENTRY, **asked).rows[0].said["description"]


def test_entries_without_an_address_and_shut_accounts_are_counted_and_not_listed(tmp_path: Path) -> None:
    unit = "dn: OU=Soins,DC=pasteur,DC=test\nobjectClass: organizationalUnit\n"
    shut = ENTRY.replace("Anne", "Paul").replace(ANNE, PAUL).replace("512", "514")
    found = reading(tmp_path, "\n".join([unit, ENTRY, shut]), **RULES)
    assert (len(found.rows), found.passed_over, found.disabled) == (1, 1, 1)
    assert found.rows[0].line == 4


def test_of_several_addresses_the_establishments_own_is_taken(tmp_path: Path) -> None:
    proxies = f"proxyAddresses: SMTP:anne@ailleurs.test\nproxyAddresses: smtp:Anne@{DOMAIN}\n"
    rules = {"columns": RULES["columns"] | {"address": "proxyAddresses"}}
    assert reading(tmp_path, ENTRY + proxies, **rules).rows[0].address == f"anne@{DOMAIN}"
    both = proxies.replace("ailleurs.test", DOMAIN)
    assert [words for *_, words in wrong(tmp_path, ENTRY + both, **rules)] == ["has 2 addresses of this establishment"]


def test_an_attribute_that_nobody_has_is_no_mistake_unless_all_depends_on_it(tmp_path: Path) -> None:
    columns = {"rpps": "extensionAttribute1", "quota": "extensionAttribute9"}
    assert len(reading(tmp_path, ENTRY, columns=columns).rows) == 1
    assert wrong(tmp_path, ENTRY, columns={"rpps": "extensionAttribute9"})[0][1] == "rpps"


@pytest.mark.parametrize(
    ("content", "line", "field", "expected"),
    [
        (ENTRY.replace("changetype: add", "changetype: modify"), 1, "(record)", "is a change (modify)"),
        (ENTRY.replace("sn: ESSAI", "sn:< file:///etc/passwd"), 6, "(line)", "is a value elsewhere"),
        (ENTRY.replace(coded("Élodie"), "$$$"), 7, "(line)", "is no base64"),
        (ENTRY.replace("sn: ESSAI", "ESSAI"), 6, "(line)", "is no LDIF"),
        (f"{ENTRY}\nsn: ESSAI\n", 14, "(record)", "does not begin with `dn:`"),
        (ENTRY.replace("sn: ESSAI", "sn: ESSAI\nsn: DEUX"), 1, "surname (sn)", "has 2 values"),
        (ENTRY.replace(DOMAIN, "ailleurs.test"), 1, "address (mail)", "ailleurs.test is none of the establishment's"),
        (ENTRY.replace("mail:", "x:"), 1, "address", "no column is known"),
        (ENTRY.replace("Urgences", "Bloc\x07"), 1, "service (department)", "control character"),
        (ENTRY.replace(ANNE, "123"), 1, "rpps (extensionattribute1)", "has 3 digits"),
    ],
)
def test_what_is_no_list_is_refused_with_the_line(
    tmp_path: Path, content: str, line: int, field: str, expected: str
) -> None:
    found = wrong(tmp_path, content, **RULES)
    assert [(one[0], one[1]) for one in found] == [(line, field)]
    assert expected in found[0][2]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), st.integers(1, 30))
def test_no_dirt_whatever_ends_in_anything_but_lines_and_ways_out(tmp_path: Path, dirt: str, width: int) -> None:
    for content in (ENTRY + dirt, f"dn: {dirt}\n{ENTRY}", folded(ENTRY, width) + dirt):
        assert all(line >= 1 and field and words for line, field, words in wrong(tmp_path, content, **RULES))
