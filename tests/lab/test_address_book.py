"""The address book over LDAPS: found is who wants to be, shown is what is public, and of the others not a trace."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from book_client import MAILBOXES, Book, dn, query
from people import LENS, PASTEUR
from terminal import Typed

from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import Mailboxes

RPPS = "10009990036"
NOBODY = f"personne-d-ici@{PASTEUR}"  # in no directory
PAGED, SORTED, LISTED = "1.2.840.113556.1.4.319", "1.2.840.113556.1.4.473", "2.16.840.1.113730.3.4.9"

# What mail programs send when somebody types a part of a name.
THUNDERBIRD_TYPING = "(|(cn={0}*)(mail={0}*)(sn={0}*))"
THUNDERBIRD_BOOK = (
    "(&(objectclass=*)(|(cn=*{0}*)(givenName=*{0}*)(sn=*{0}*)(mozillaNickname=*{0}*)(mail=*{0}*)"
    "(mozillaSecondEmail=*{0}*)(&(description=*{0}*))(o=*{0}*)(ou=*{0}*)(title=*{0}*)(mozillaWorkUrl=*{0}*)"
    "(mozillaHomeUrl=*{0}*)))"
)
OUTLOOK = "(&(mail=*)(|(mail={0}*)(|(cn={0}*)(|(sn={0}*)(givenName={0}*)))))"


@dataclass(frozen=True)
class Somebody:
    address: str
    password: str
    surname: str

    @property
    def dn(self) -> str:
        return dn(self.address)


@dataclass(frozen=True)
class Cast:
    """Who is in the directory: `shown` to all, `hidden`, `served` by a `team`; their names begin alike."""

    mark: str
    shown: Somebody
    hidden: Somebody
    served: Somebody
    team: Somebody
    program: Somebody


@pytest.fixture(scope="module")
def book(lab: Lab, operators: Fleet) -> Book:
    return Book(lab, f"mail.{PASTEUR}", f"mail.{LENS}")


@pytest.fixture(scope="module")
def cast(pasteur: Mailboxes, vaguemestre: Callable[..., Typed]) -> Cast:
    # letters of one kind, so that no name is another's beginning
    mark = "Zq" + "".join(secrets.choice("bdfglmnprtv") for _ in range(6))

    def person(name: str, redlist: str) -> Somebody:
        surname = f"{mark}é-{name}"
        options = ("--type=PER", f"--rpps={RPPS}", f"--surname={surname}", "--given=Hélène", "--profession=10")
        return opened(name, surname, *options, f"--redlist={redlist}")

    def opened(name: str, surname: str, *options: str) -> Somebody:
        address = f"{mark.lower()}-{name}@{PASTEUR}"
        return Somebody(address, pasteur.add(address, *options).password or "", surname)

    team = opened("secretariat", "", "--type=ORG", f"--name=Secrétariat {mark}", "--service=Cardiologie")
    served = person("suivie", "none")
    vaguemestre("redlist", "set", served.address, "secretariat", "--secretariat", team.address).succeeded()
    return Cast(
        mark,
        person("trouvable", "none"),
        person("cachee", "unlisted"),
        served,
        team,
        opened("programme", "", "--type=APP", f"--name={mark} programme"),
    )


@pytest.mark.parametrize("form", [THUNDERBIRD_TYPING, THUNDERBIRD_BOOK, OUTLOOK])
def test_a_mail_program_finds_those_who_want_to_be_found_and_nobody_else(book: Book, cast: Cast, form: str) -> None:
    assert book.found(form.format(f"{cast.mark}é")) == {cast.shown.address}
    assert book.found(form.format(f"{cast.mark}e")) == {cast.shown.address}  # forgotten accent
    assert book.found(form.format(cast.mark.lower())) == {cast.shown.address, cast.team.address}


def test_what_is_shown_is_public_and_nothing_else(book: Book, cast: Cast) -> None:
    _, answer = book.ask(query(f"(mail={cast.shown.address})", attributes=["*", "+"]))
    ((_, shown),) = answer["entries"]
    assert shown["displayName"] == [f"Hélène {cast.shown.surname}"]
    assert shown["title"] == ["Médecin"]
    assert {name for name in shown if name.startswith("vgm")} <= {
        *("vgmMailboxType", "vgmPersonId", "vgmStructureId", "vgmService", "vgmPaperless", "vgmProfession"),
        "vgmSpeciality",
    }
    assert not {"userPassword", "entryCSN", "creatorsName", "modifyTimestamp"} & set(shown)


def test_of_a_hidden_mailbox_every_answer_is_that_of_one_that_does_not_exist(book: Book, cast: Cast) -> None:
    for somebody in (cast.hidden, cast.served, cast.program):
        _, *there = book.ask(*_probes(somebody.address))
        _, *nowhere = book.ask(*_probes(NOBODY))
        assert there == nowhere
        assert not [one for one in there if one.get("entries") or one.get("matched")]


def _probes(address: str) -> Iterator[dict[str, object]]:
    """Each way that LDAP has to learn of an entry."""
    name = dn(address)
    for attribute in ("mail", "cn", "vgmRedList", "vgmSecretariat", "userPassword", "objectClass"):
        yield query(f"({attribute}=*)", name, 0)
        yield {"do": "compare", "base": name, "attribute": attribute, "value": address}
    yield query("(objectClass=*)", name, 2)
    yield query("(objectClass=*)", f"cn=x,{name}", 0)
    for text in (f"(mail={address})", f"(mail=*{address[3:]})", f"(&(mail={address})(!(cn=x)))", f"(mail>={address})"):
        yield query(text)
        yield query(text, page=1)
        yield query(text, MAILBOXES, 1)
    yield query(f"(mail={address})", control=SORTED, value="30060404" + b"mail".hex())
    yield query(f"(mail={address})", control=LISTED)


def test_who_asks_for_replication_learns_of_no_hidden_mailbox(book: Book, cast: Cast, lab: Lab) -> None:
    """LDAP Sync (RFC 4533) tells what is there and what has gone by entryUUID; anybody may ask for it."""
    root = ["ldapsearch", "-LLLQ", "-Y", "EXTERNAL", "-H", "ldapi:///", "-b", MAILBOXES]

    def facts(one: Somebody) -> dict[str, str]:
        ran = lab.exec(book.host, [*root, f"(mail={one.address})", "entryUUID", "entryCSN"])
        return dict(line.split(": ", 1) for line in ran.stdout.decode().splitlines() if ": " in line)

    hidden, shown = facts(cast.hidden), facts(cast.shown)
    for since in ("20200101000000.000000Z#000000#000#000000", shown["entryCSN"], hidden["entryCSN"]):
        asked = f"-b o=vaguemestre -E '!sync=ro/rid=000,csn={since}' '(objectClass=vgmMailbox)' mail"
        command = f"LDAPTLS_CACERT=/etc/vaguemestre/tls/national.pem ldapsearch -x -H ldaps://{book.host} {asked}"
        told = lab.exec(book.client, ["sh", "-c", command]).stdout.decode()
        assert "result: 0 Success" in told
        assert hidden["entryUUID"] not in told
        assert cast.hidden.address not in told


def test_a_red_listed_person_is_found_by_herself_and_by_her_secretariat_alone(book: Book, cast: Cast) -> None:
    all_of_them = f"(cn=*{cast.mark}*)"
    everybodys = {cast.shown.address, cast.team.address}
    assert book.found(all_of_them) == everybodys
    assert book.found(all_of_them, cast.shown.dn, cast.shown.password) == everybodys
    assert book.found(all_of_them, cast.hidden.dn, cast.hidden.password) == {*everybodys, cast.hidden.address}
    assert book.found(all_of_them, cast.served.dn, cast.served.password) == {*everybodys, cast.served.address}
    assert book.found(all_of_them, cast.team.dn, cast.team.password) == {*everybodys, cast.served.address}


def test_a_change_of_the_red_list_is_in_force_within_a_second(
    book: Book, cast: Cast, lab: Lab, pasteur: Mailboxes
) -> None:
    """Measured on the host itself, between the end of the command and the search that shows it."""
    change = "python3 /usr/lib/vaguemestre/host.pyz redlist set {} {} >/dev/null || exit 1; "
    look = f"ldapsearch -LLL -x -H ldapi:/// -b o=vaguemestre '(mail={cast.shown.address})' mail | grep -c ^mail:"
    try:
        gone = lab.exec(book.host, ["sh", "-c", change.format(cast.shown.address, "unlisted") + look])
        assert gone.stdout.strip() == b"0", gone.stderr
        assert cast.shown.address not in book.found(f"(cn=*{cast.mark}*)")
    finally:
        back = lab.exec(book.host, ["sh", "-c", change.format(cast.shown.address, "none") + look])
    assert back.stdout.strip() == b"1", back.stderr


def test_who_is_suspended_is_not_found_and_cannot_log_in(book: Book, cast: Cast, pasteur: Mailboxes) -> None:
    pasteur.suspend(cast.shown.address)
    try:
        login, _ = book.ask(query("(mail=*)"), who=cast.shown.dn, password=cast.shown.password)
        assert login["result"] == "INVALID_CREDENTIALS"
        assert cast.shown.address not in book.found(f"(cn=*{cast.mark}*)")
    finally:
        pasteur.move("activate", cast.shown.address)


def test_nobody_changes_anything_over_the_network_and_nothing_goes_in_clear(book: Book, cast: Cast, lab: Lab) -> None:
    text = f"dn: {cast.shown.dn}\nchangetype: modify\nreplace: description\ndescription: x\n"
    words = f"-H ldaps://{book.host} -D '{cast.shown.dn}' -w '{cast.shown.password}'"
    env = "LDAPTLS_CACERT=/etc/vaguemestre/tls/national.pem"
    changed = lab.exec(book.client, ["sh", "-c", f"{env} ldapmodify -x {words}"], text.encode())
    assert b"Insufficient access (50)" in changed.stderr
    clear = lab.exec(book.client, ["ldapsearch", "-x", "-o", "nettimeout=3", "-H", f"ldap://{book.host}", "-b", ""])
    assert b"Can't contact LDAP server" in clear.stderr


def test_mail_programs_find_the_address_book_by_its_name(lab: Lab, book: Book) -> None:
    program = f"import dns.resolver; print(*dns.resolver.resolve('_ldaps._tcp.{PASTEUR}', 'SRV'))"
    found = lab.exec(book.client, ["python3", "-c", program])
    assert found.stdout.decode().split()[2:] == ["636", f"mail.{PASTEUR}."], found.stderr


def test_what_is_typed_into_a_search_is_no_filter(lab: Lab, book: Book, cast: Cast) -> None:
    texts = ("*", "*)(objectClass=*", "x)(|(vgmRedList=unlisted)", "\\2a", "x\x00y", "\\", "(", f"{cast.mark}é-c*")
    fields = ("name", "profession", "place", "establishment")
    asked = [json.dumps({field: text}) for field in fields for text in texts]
    each = 'while read -r question; do echo "$question" | python3 /usr/lib/vaguemestre/host.pyz search; done'
    ran = lab.exec(book.host, ["sh", "-c", each.replace("echo", "printf '%s'")], "\n".join(asked).encode() + b"\n")
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(answers) == len(asked), ran.stderr
    assert {one["result"] for one in answers} <= {"found", "refused"}
    assert cast.mark.lower() not in str([one.get("mailboxes") for one in answers])


def test_an_administrator_finds_people_as_a_stranger_would(vaguemestre: Callable[..., Typed], cast: Cast) -> None:
    def search(*words: str) -> list[tuple[str, str]]:
        typed = vaguemestre("directory", "search", "--on", "clinique-pasteur-evreux", "--json", *words)
        return [(one["address"], one["match"]) for one in typed.json["mailboxes"]] if typed.code == 0 else []

    name = cast.mark.lower() + "e"
    assert search("helene", name, "--profession", "medecin") == [(cast.shown.address, "accents apart")]
    assert search(name[:-2]) == [(cast.team.address, "begins so"), (cast.shown.address, "begins so")]
    nearly = dict(search(name[:3] + name[4:]))
    assert nearly[cast.shown.address] in ("one letter off", "sounds alike")
    assert search(name, "--profession", "pharmacien", "--place", "*)(mail=*") == []


def test_wrong_access_rules_are_refused_before_they_go_live(lab: Lab, book: Book) -> None:
    wrong = {
        "the red list forgotten": "s/(vgmRedList=none)//",
        "who answers for a mailbox shown": "s/description,vgmMailboxType/description,vgmResponsible,vgmMailboxType/",
        "a secretariat sees everybody": "s!this/vgmSecretariat & user/mail!user/mail!",
        "states forgotten": "s/(vgmState=active)(/(/g",
    }
    judge = "python3 /usr/lib/vaguemestre/host.pyz directory judge"
    for why, change in wrong.items():
        ran = lab.exec(book.host, ["sh", "-c", f"sed '{change}' /etc/ldap/slapd.conf > /run/wrong.conf"])
        assert ran.returncode == 0, ran.stderr
        ran = lab.exec(book.host, [*judge.split(), "/run/wrong.conf"])
        assert ran.returncode == 1, why
        assert b"must not have" in ran.stderr, why
    lab.exec(book.host, ["rm", "/run/wrong.conf"])
    assert lab.exec(book.host, judge.split()).returncode == 0
