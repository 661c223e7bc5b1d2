"""Each answer is one that people can look up, and that a mail server understands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vaguemestre.host.trust.reasons import REASONS, Reason

DOCS = Path(__file__).parents[4] / "docs" / "refusals.md"


def test_codes_and_names_are_unique() -> None:
    assert len({reason.code for reason in REASONS}) == len({reason.name for reason in REASONS}) == len(REASONS)


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_a_reply_is_ascii_fits_one_line_and_agrees_with_itself(reason: Reason) -> None:
    reply = f"{reason.smtp} {reason.text}\r\n"
    assert reply.isascii()
    assert len(reply) <= 512  # RFC 5321 section 4.5.3.1.5
    assert re.match(r"[245][0-9][0-9] [245]\.[0-9]\.[0-9]{1,2} .* / .* \[VGM-[0-9]{3}]\r\n\Z", reply)
    assert reply[0] == reason.status[0]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_the_page_of_refusals_explains_it(reason: Reason) -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith(f"| {reason.code} |")]
    assert len(rows) == 1
    assert rows[0].split(" | ")[1] == str(reason.smtp)


def test_the_page_explains_nothing_that_does_not_exist() -> None:
    assert set(re.findall(r"^\| (VGM-[0-9]{3})", DOCS.read_text(), re.MULTILINE)) == {one.code for one in REASONS}
