"""A release is a value: the same things give the same id, what contradicts itself is never built."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.errors import ReleaseError
from vaguemestre.release import Account, Credential, Directory, File, Item, Package, Probe, Release, Unit, parse

CONFIGURATION = File("/etc/daemon.conf", b"quiet\n")
DAEMON = Unit("daemon.service", inputs=("/etc/daemon.conf",), judges=(("/usr/sbin/daemon", "-t"),))
ITEMS: list[tuple[str, Item]] = [
    ("base", Package("daemon", debconf=(("daemon/ask", "boolean", "false"),))),
    ("base", Package("sudo")),
    ("base", Account("daemon", groups=("ssl", "mail"))),
    ("base", Directory("/etc/daemon", mode=0o750)),
    ("base", CONFIGURATION),
    ("base", File("/usr/lib/daemon.bin", b"\xff\x00\xfe", mode=0o755)),
    ("pki", Credential("/etc/daemon/key", "tls.key", "00aa")),
    ("base", replace(DAEMON, probes=(Probe(port=25, expect="220"), Probe(command=("true",), seconds=3)))),
]

paths = st.from_regex(r"/[a-z]{1,8}(/[a-z]{1,8}){0,3}", fullmatch=True)
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
owners = st.sampled_from(["root", "mail"])
modes = st.sampled_from([0o600, 0o644, 0o755])
argvs = st.lists(words, max_size=3).map(tuple)
items = st.one_of(
    st.builds(Package, words, debconf=st.lists(st.tuples(words, words, words), max_size=2).map(tuple)),
    st.builds(Account, words, groups=argvs, uid=st.none() | st.integers(1, 999)),
    st.builds(Directory, paths, owners, owners, modes),
    st.builds(File, paths, st.binary(max_size=40) | words.map(str.encode), owners, owners, modes),
    st.builds(Credential, paths, words, words, owners, owners, modes),
    st.builds(
        Unit,
        words,
        on_change=st.sampled_from(["reload", "restart"]),
        judges=st.lists(argvs, max_size=2).map(tuple),
        probes=st.lists(st.builds(Probe, port=st.none() | st.integers(1, 65535), command=argvs), max_size=2).map(tuple),
        masked=st.booleans(),
    ),
)


def _space(item: Item) -> tuple[str, str]:
    return ("path" if isinstance(item, File | Credential | Directory) else type(item).__name__, item.key)


releases = st.lists(items, unique_by=_space, max_size=12)


def of(*authored: tuple[str, Item]) -> Release:
    return Release.of("mail.example.test", "trixie", authored)


@given(releases)
def test_a_release_read_back_from_its_document_is_the_same(drawn: list[Item]) -> None:
    release = of(*(("base", item) for item in drawn))
    assert parse(release.document()) == release
    assert parse(release.document()).id == release.id


@given(st.permutations([pair for pair in ITEMS if not isinstance(pair[1], Unit)]))
def test_the_id_does_not_depend_on_the_order_in_which_roles_speak(shuffled: list[tuple[str, Item]]) -> None:
    assert of(*shuffled, ITEMS[-1]).id == of(*ITEMS).id


def test_units_keep_the_order_of_the_roles() -> None:
    release = of(("openldap", Unit("slapd.service")), ("dovecot", Unit("dovecot.service")))
    assert [unit.name for unit in release.units] == ["slapd.service", "dovecot.service"]


@pytest.mark.parametrize(
    "changed",
    [
        replace(CONFIGURATION, content=b"loud\n"),
        replace(CONFIGURATION, mode=0o600),
        replace(CONFIGURATION, owner="daemon"),
        replace(CONFIGURATION, group="daemon"),
    ],
)
def test_any_change_of_a_file_changes_the_id(changed: File) -> None:
    assert of(("base", changed)).id != of(("base", CONFIGURATION)).id


def test_a_new_version_of_a_secret_changes_the_id_and_the_document_holds_no_more_than_its_name() -> None:
    old, new = (of(("pki", Credential("/etc/key", "tls.key", version))) for version in ("0001", "0002"))
    assert old.id != new.id
    assert json.loads(new.document())["credentials"] == [
        {"path": "/etc/key", "secret": "tls.key", "version": "0002", "owner": "root", "group": "root", "mode": 0o600}
    ]


def test_the_author_is_not_part_of_the_state() -> None:
    assert of(("base", CONFIGURATION)).id == of(("postfix", CONFIGURATION)).id


def test_two_roles_writing_one_path_are_refused_by_name() -> None:
    with pytest.raises(ReleaseError, match=r"/etc/daemon\.conf has two authors: base and postfix"):
        of(("base", CONFIGURATION), ("postfix", replace(CONFIGURATION, content=b"loud\n")))


def test_two_roles_writing_one_path_are_refused_even_when_they_agree() -> None:
    with pytest.raises(ReleaseError, match="two authors"):
        of(("base", CONFIGURATION), ("postfix", CONFIGURATION))


def test_a_file_and_a_secret_at_one_path_are_refused() -> None:
    with pytest.raises(ReleaseError, match="two authors"):
        of(("base", CONFIGURATION), ("pki", Credential(CONFIGURATION.path, "tls.key", "00aa")))


def test_two_roles_may_need_one_package_or_one_directory() -> None:
    shared = (Package("python3-ldap"), Directory("/etc/vaguemestre"), Account("vmail", uid=500))
    release = of(*((role, item) for role in ("openldap", "dovecot") for item in shared))
    assert (len(release.packages), len(release.directories), len(release.accounts)) == (1, 1, 1)


def test_two_roles_that_differ_about_an_account_are_refused() -> None:
    with pytest.raises(ReleaseError, match="vmail has two authors"):
        of(("dovecot", Account("vmail", uid=500)), ("postfix", Account("vmail", uid=501)))


def test_a_unit_that_reads_what_nobody_writes_is_refused() -> None:
    with pytest.raises(ReleaseError, match=r"daemon\.service \(base\) reads /etc/daemon\.conf, which no role writes"):
        of(("base", DAEMON))


def test_a_unit_may_read_a_secret() -> None:
    key = Credential("/etc/key", "tls.key", "00aa")
    assert of(("pki", key), ("base", Unit("daemon.service", inputs=(key.path,), restart_on=(key.path,)))).units


@pytest.mark.parametrize("path", ["etc/daemon.conf", "/etc/../etc/shadow", "/etc/daemon/", ""])
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ReleaseError, match="not a clean absolute path"):
        of(("base", File(path, b"")))


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(ReleaseError) as refused:
        of(("base", DAEMON), ("base", File("relative", b"")), ("pki", File("relative", b"")))
    assert all(words in str(refused.value) for words in ("which no role writes", "two authors", "clean absolute path"))


def test_a_document_of_another_format_is_refused() -> None:
    newer = json.loads(of(("base", CONFIGURATION)).document()) | {"format": 2}
    with pytest.raises(ReleaseError, match="upgrade the kit"):
        parse(json.dumps(newer).encode())


@pytest.mark.parametrize("said", [[], ITEMS], ids=["empty", "whole"])
def test_the_document_is_canonical_json(said: list[tuple[str, Item]]) -> None:
    """It is written piece by piece; whoever writes it in one go gets the same bytes."""
    release = Release.of("a.test", "trixie", said)
    document = release.document()
    written = json.dumps(json.loads(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert document == written.encode()
    assert hashlib.sha256(document).hexdigest() == release.id
