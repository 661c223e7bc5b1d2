"""Which host holds a mailbox, and what an administrator is told by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from declared import HOSTED, OPERATOR, SECOND, fleet

from vaguemestre.engines.sessions import Ran
from vaguemestre.errors import Exit
from vaguemestre.establishment import Fleet
from vaguemestre.host.mailboxes.bal import Mailbox, plain
from vaguemestre.verbs.mailbox import MailboxError, _answer, holders, serving

WITH_MAIL = "roles: [base, pki, openldap, dovecot, trust, postfix, edge]"


@pytest.fixture
def two(tmp_path: Path) -> Fleet:
    files = {"pasteur": OPERATOR, "ch-lens": SECOND, "tilleuls": HOSTED}
    return fleet(tmp_path, **{slug: text.replace("roles: [base, pki]", WITH_MAIL) for slug, text in files.items()})


def test_each_address_leads_to_the_operator_of_its_domain(two: Fleet) -> None:
    assert serving(two, "a@ch-lens.mssante.test").host.name == "mail.ch-lens.mssante.test"


def test_an_address_of_a_hosted_establishment_leads_to_its_operator(two: Fleet) -> None:
    assert serving(two, "A@TILLEULS.mssante.test").host.name == "mail.pasteur.mssante.test"


@pytest.mark.parametrize("address", ["a@elsewhere.test", "a@sub.ch-lens.mssante.test", "nobody"])
def test_an_address_of_nobody_here_is_refused_naming_the_domains_there_are(two: Fleet, address: str) -> None:
    with pytest.raises(MailboxError, match=r"served: ch-lens\.mssante\.test, pasteur") as refused:
        serving(two, address)
    assert refused.value.exit_code is Exit.INVALID


def test_a_host_without_a_directory_holds_no_mailboxes(tmp_path: Path) -> None:
    assert holders(fleet(tmp_path, pasteur=OPERATOR)) == ()


def ran(code: int, **said: object) -> Ran:
    return Ran(json.dumps(said).encode(), b"", code)


def test_a_password_made_now_is_passed_on() -> None:
    box = Mailbox("a@b.test", "APP", structure="1270000999")
    answer = _answer("mail.b.test", ran(0, result="added", mailbox=plain(box), password="essai-essai"))
    assert (answer.result, answer.mailbox, answer.password) == ("added", box, "essai-essai")


def test_what_a_newer_host_knows_besides_is_passed_over() -> None:
    box = {"address": "a@b.test", "kind": "APP", "something_new": "1"}
    assert _answer("mail.b.test", ran(0, result="unchanged", mailbox=box)).mailbox.address == "a@b.test"


@pytest.mark.parametrize(
    ("answered", "code", "words"),
    [
        (ran(2, result="refused", message="no such mailbox"), Exit.INVALID, "^no such mailbox$"),
        (ran(1, result="failed", message="slapd is away"), Exit.FAILED, "mail.b.test: slapd is away"),
        (Ran(b"", b"can't open file host.pyz", 2), Exit.FAILED, "can't open file host.pyz"),
    ],
)
def test_what_a_host_refuses_or_fails_at_ends_with_its_own_words(answered: Ran, code: Exit, words: str) -> None:
    with pytest.raises(MailboxError, match=words) as failed:
        _answer("mail.b.test", answered)
    assert failed.value.exit_code is code
