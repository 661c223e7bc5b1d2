"""What one file alone cannot tell: each rule between files, broken once."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import HOSTED, LAB, OPERATOR, SECOND, write

from vaguemestre import inventory
from vaguemestre.errors import InventoryError

Problem = tuple[str, int, str, str]


def problems(root: Path) -> list[Problem]:
    """What is wrong as (file, line, field, wrong)."""
    try:
        inventory.read(root)
    except InventoryError as error:
        return [(one.file.stem, one.line, one.field, one.wrong) for one in error.problems]
    return []


def test_three_establishments_that_agree_have_no_problem(tmp_path: Path) -> None:
    assert problems(write(tmp_path, pasteur=OPERATOR, lens=SECOND, tilleuls=HOSTED)) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "620000999",
            "270000999",
            ("pasteur", 5, "finess", "the FINESS number 270000999 is already taken in lens.yml:5"),
        ),
        (
            "name: ch-lens.mssante.test",
            "name: pasteur.mssante.test",
            ("pasteur", 9, "domains.0.name", "the domain pasteur.mssante.test is already taken in lens.yml:9"),
        ),
        (
            "mail.ch-lens.",
            "mail.pasteur.",
            ("pasteur", 11, "hosts.0.name", "the host name mail.pasteur.mssante.test is already taken in lens.yml:11"),
        ),
        (
            "27.21",
            "27.11",
            ("pasteur", 12, "hosts.0.address", "the address 10.83.27.11 is already taken in lens.yml:12"),
        ),
    ],
)
def test_what_is_given_twice_is_told_with_both_places(tmp_path: Path, old: str, new: str, problem: Problem) -> None:
    assert problems(write(tmp_path, pasteur=OPERATOR, lens=SECOND.replace(old, new))) == [problem]


def test_an_ipv6_address_is_given_once_too(tmp_path: Path) -> None:
    first, second = (
        text.replace("    roles:", '    address6: "2001:db8::1"\n    roles:') for text in (OPERATOR, SECOND)
    )
    assert problems(write(tmp_path, pasteur=first, lens=second)) == [
        ("pasteur", 13, "hosts.0.address6", "the address 2001:db8::1 is already taken in lens.yml:13")
    ]


def test_a_domain_twice_in_one_file_is_told(tmp_path: Path) -> None:
    twice = OPERATOR.replace("hosts:\n", "  - name: pasteur.mssante.test\nhosts:\n")
    assert problems(write(tmp_path, pasteur=twice)) == [
        ("pasteur", 10, "domains.1.name", "the domain pasteur.mssante.test is already taken in pasteur.yml:9")
    ]


HOSTS = OPERATOR[OPERATOR.index("hosts:") : OPERATOR.index("contacts:")]
DOMAINS = OPERATOR[OPERATOR.index("domains:") : OPERATOR.index("hosts:")]


def test_an_operator_has_hosts_and_domains_and_no_operator(tmp_path: Path) -> None:
    bare = OPERATOR.replace(HOSTS, "").replace(DOMAINS, "operator: lens\n")
    assert problems(write(tmp_path, pasteur=bare, lens=SECOND)) == [
        ("pasteur", 1, "domains", "an operator without a mail domain"),
        ("pasteur", 1, "hosts", "an operator without a host"),
        ("pasteur", 8, "operator", "an operator is not served by another"),
    ]


@pytest.mark.parametrize(
    ("line", "number", "wrong"),
    [
        ("", 1, "nobody is named who serves it"),
        ("operator: nobody\n", 7, "there is no establishment nobody"),
        ("operator: tilleuls\n", 7, "tilleuls is hosted, no operator"),
    ],
)
def test_a_hosted_establishment_needs_an_operator_that_is_one(
    tmp_path: Path, line: str, number: int, wrong: str
) -> None:
    hosted = HOSTED.replace("operator: pasteur\n", line)
    assert problems(write(tmp_path, pasteur=OPERATOR, tilleuls=hosted)) == [("tilleuls", number, "operator", wrong)]


def test_the_way_out_names_the_operators_there_are(tmp_path: Path) -> None:
    hosted = HOSTED.replace("operator: pasteur", "operator: nobody")
    with pytest.raises(InventoryError, match="operators here: lens, pasteur"):
        inventory.read(write(tmp_path, pasteur=OPERATOR, lens=SECOND, tilleuls=hosted))


@pytest.mark.parametrize("mode", ["hosted", "individual"])
def test_only_an_operator_runs_hosts(tmp_path: Path, mode: str) -> None:
    text = HOSTED.replace("mode: hosted", f"mode: {mode}") + HOSTS
    found = problems(write(tmp_path, pasteur=OPERATOR.replace(HOSTS, OTHER_HOST), tilleuls=text))
    assert ("tilleuls", 13, "hosts", f"mode {mode} runs no hosts") in found


OTHER_HOST = HOSTS.replace("mail.", "mx.").replace("27.11", "27.12")


INDIVIDUAL = HOSTED.replace("mode: hosted", "mode: individual").replace(
    "domains:\n  - name: tilleuls.mssante.test\n", ""
)
PLACING = OPERATOR.replace(
    "hosts:", '  - {name: infirmiers.pasteur.mssante.test, professions: ["60", "69"]}\nhosts:'
)  # fmt: skip


def test_an_individual_establishment_has_no_domains_of_its_own(tmp_path: Path) -> None:
    text = HOSTED.replace("mode: hosted", "mode: individual")
    assert problems(write(tmp_path, pasteur=PLACING, tilleuls=text)) == [
        ("tilleuls", 8, "domains", "mode individual has national addresses, no domains of its own"),
    ]


def test_people_of_an_individual_establishment_have_the_domains_by_profession_of_the_operator_it_names(
    tmp_path: Path,
) -> None:
    fleet = inventory.read(write(tmp_path, pasteur=PLACING, tilleuls=INDIVIDUAL))
    tilleuls = next(one for one in fleet.establishments if one.slug == "tilleuls")
    assert [domain.name for domain in fleet.mail_domains(tilleuls)] == ["infirmiers.pasteur.mssante.test"]
    alone = tilleuls.model_copy(update={"operator": None})
    assert fleet.mail_domains(alone) == ()


def test_an_operator_without_domains_by_profession_places_nobody(tmp_path: Path) -> None:
    found = problems(write(tmp_path, pasteur=OPERATOR, lens=SECOND, tilleuls=INDIVIDUAL))
    assert found == [("tilleuls", 7, "operator", "pasteur serves no domain by profession")]


def test_a_profession_has_one_domain_of_an_operator(tmp_path: Path) -> None:
    twice = PLACING.replace("hosts:", '  - {name: kines.pasteur.mssante.test, professions: ["70", "60"]}\nhosts:')
    wrong = "people of profession 60 are placed in infirmiers.pasteur.mssante.test already"
    assert problems(write(tmp_path, pasteur=twice)) == [("pasteur", 11, "domains.2.professions", wrong)]


def test_the_secretariat_of_those_who_name_none_is_in_a_domain_of_their_operator(tmp_path: Path) -> None:
    text = OPERATOR + "redlist: {default: secretariat, secretariat: a@ch-lens.mssante.test}\n"
    wrong = "a@ch-lens.mssante.test is in no domain of its operator's"
    assert problems(write(tmp_path, pasteur=text, lens=SECOND)) == [("pasteur", 17, "redlist.secretariat", wrong)]
    hosted = HOSTED + "redlist: {default: secretariat, secretariat: a@pasteur.mssante.test}\n"
    assert problems(write(tmp_path, pasteur=OPERATOR, tilleuls=hosted)) == []


@pytest.mark.parametrize(
    ("roles", "wrong"),
    [
        ("[pki]", ["lacks the role base, which pki needs"]),
        ("[base, openldap]", ["lacks the role pki, which openldap needs"]),
        (
            "[base, pki, postfix]",
            [
                *(f"lacks the role {role}, which postfix needs" for role in ("dovecot", "openldap", "trust")),
                "no other operator could write to mail.pasteur.mssante.test",
            ],
        ),
        ("[base, base]", ["base is here twice"]),
    ],
)
def test_a_role_is_accompanied_by_those_it_needs(tmp_path: Path, roles: str, wrong: list[str]) -> None:
    found = problems(write(tmp_path, pasteur=OPERATOR.replace("[base, pki]", roles)))
    assert [(one[1], one[3].removeprefix("mail.pasteur.mssante.test ")) for one in found] == [
        (13, text) for text in wrong
    ]


@pytest.mark.parametrize(
    ("mailboxes", "line", "wrong"),
    [
        ("{source: csv}", 17, "source csv without a file"),
        ("{source: ldif}", 17, "source ldif without a file"),
        ("{source: csv, file: nobody.csv}", 17, "nobody.csv does not exist"),
        ("{file: staff.csv}", 17, "source manual reads no file"),
    ],
)
def test_staff_come_from_a_file_that_exists(tmp_path: Path, mailboxes: str, line: int, wrong: str) -> None:
    (tmp_path / "staff.csv").touch()
    root = write(tmp_path, pasteur=f"{OPERATOR}mailboxes: {mailboxes}\n")
    assert problems(root) == [("pasteur", line, "mailboxes.file", wrong)]


def test_a_slip_in_the_columns_of_a_list_of_staff_is_told(tmp_path: Path) -> None:
    text = f"{OPERATOR}mailboxes:\n  import:\n    absent: delete\n    columns:\n      adress: Mail\n"
    found = [one[:3] for one in problems(write(tmp_path, pasteur=text))]
    assert found == [("pasteur", 19, "mailboxes.import.absent"), ("pasteur", 21, "mailboxes.import.columns.adress")]


def test_a_staff_file_beside_the_establishment_is_found(tmp_path: Path) -> None:
    (tmp_path / "staff.csv").touch()
    assert problems(write(tmp_path, pasteur=f"{OPERATOR}mailboxes: {{source: csv, file: staff.csv}}\n")) == []


def test_missing_trust_anchors_are_told_once_in_a_real_inventory(tmp_path: Path) -> None:
    root = write(tmp_path, pasteur=OPERATOR, lens=SECOND)
    (root / "trust" / "national.pem").unlink()
    wrong = "the national authorities' file trust/national.pem does not exist"
    assert problems(root) == [("lens", 1, "settings.trust.anchors", wrong)]


def test_a_lab_makes_its_trust_anchors_itself(tmp_path: Path) -> None:
    root = write(tmp_path, inventory=LAB, pasteur=OPERATOR)
    (root / "trust" / "national.pem").unlink()
    assert problems(root) == []


def test_a_host_of_a_lab_is_inside_its_network(tmp_path: Path) -> None:
    outside = OPERATOR.replace("10.83.27.11", "10.84.0.11")
    assert problems(write(tmp_path, inventory=LAB, pasteur=outside)) == [
        ("pasteur", 12, "hosts.0.address", "10.84.0.11 is outside the lab")
    ]


def test_a_lab_belongs_to_the_whole_inventory(tmp_path: Path) -> None:
    own = f"{OPERATOR}settings: {{{LAB.strip()}}}\n"
    assert problems(write(tmp_path, pasteur=own)) == [
        ("pasteur", 17, "settings.lab", "the lab is the whole inventory's")
    ]


SECOND_HOST = """\
  - name: annuaire.pasteur.mssante.test
    address: 10.83.27.12
    roles: [base, pki, openldap%s]
"""


def with_directories(first: str, second: str) -> str:
    """An operator whose two hosts have openldap, and these roles more."""
    text = OPERATOR.replace("roles: [base, pki]", f"roles: [base, pki, openldap{first}]")
    return text.replace("contacts:", SECOND_HOST % second + "contacts:")


def test_a_second_host_with_openldap_alone_is_a_replica(tmp_path: Path) -> None:
    assert problems(write(tmp_path, pasteur=with_directories(", directory", ""))) == []


def test_two_hosts_that_both_keep_mailboxes_are_refused(tmp_path: Path) -> None:
    (found,) = problems(write(tmp_path, pasteur=with_directories(", directory", ", dovecot")))
    assert (found[0], found[2]) == ("pasteur", "hosts.1.roles")
    assert "mail.pasteur.mssante.test keeps the mailboxes already" in found[3]


def test_two_directories_of_which_none_is_where_mailboxes_are_kept_are_refused(tmp_path: Path) -> None:
    (found,) = problems(write(tmp_path, pasteur=with_directories("", "")))
    assert (found[0], found[2]) == ("pasteur", "hosts.0.roles")
    assert "none of them is where mailboxes are kept" in found[3]


def test_a_replica_needs_what_every_directory_needs(tmp_path: Path) -> None:
    lacking = with_directories(", directory", "").replace("roles: [base, pki, openldap]", "roles: [base, openldap]")
    assert [one[3] for one in problems(write(tmp_path, pasteur=lacking))] == [
        "annuaire.pasteur.mssante.test lacks the role pki, which openldap needs"
    ]
