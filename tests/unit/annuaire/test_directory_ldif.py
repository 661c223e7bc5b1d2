"""The branch as LDIF: read back by rule, it says what was written, whatever people are called."""

from __future__ import annotations

import base64
import re

from entries import DOCTOR
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.annuaire.entry import entry
from vaguemestre.host.annuaire.ldif import record, whole

_SAFE_LINE = re.compile(
    r"[A-Za-z]+:(?: [\x01-\x09\x0b\x0c\x0e-\x1f\x21-\x39\x3b\x3d-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*)?"
)


def parsed(text: str) -> dict[str, list[str]]:
    """RFC 2849, as far as it is written here."""
    assert text.endswith("\n\n")
    found: dict[str, list[str]] = {}
    for line in text[:-2].split("\n"):
        name, _, rest = line.partition(":")
        if rest.startswith(":"):
            value = base64.b64decode(rest[1:].strip(), validate=True).decode()
        else:
            assert _SAFE_LINE.fullmatch(line), line
            value = rest[1:]
        found.setdefault(name, []).append(value)
    return found


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(st.lists(texts, min_size=1, max_size=3))
def test_every_value_comes_back_as_it_was(values: list[str]) -> None:
    assert parsed(record("mail=a@b.test,ou=national", {"cn": values}))["cn"] == values


def test_a_value_cannot_begin_a_line_of_its_own() -> None:
    spoilt = "FICTIF\ndn: cn=manager\nobjectClass: top"
    assert record("mail=a@b.test", {"sn": [spoilt]}).count("\ndn:") == 0


def test_the_branch_comes_first_and_says_what_it_holds() -> None:
    first, second = whole("format 1", [entry(DOCTOR.mailbox)])
    branch = parsed(first)
    assert branch["dn"] == ["ou=national,o=vaguemestre"]
    assert (branch["ou"], branch["description"]) == (["national"], ["format 1"])
    assert parsed(second)["mail"] == [DOCTOR.address]
    assert parsed(second)["dn"] == [f"mail={DOCTOR.address},ou=national,o=vaguemestre"]
