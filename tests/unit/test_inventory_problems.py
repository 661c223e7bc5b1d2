"""Every kind of mistake in one file: where it is said to be, what is wrong, and the way out. Word for word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from declared import OPERATOR, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaguemestre import inventory
from vaguemestre.errors import InventoryError

CHANGED = [
    # old line, new line, -> line, field, wrong, way out
    ('finess: "270000999"', "finess: 270000999", 5, "finess",
     "270000999 is read by YAML as a number, not as text", 'quote it: "270000999"'),
    ('finess: "270000999"', "finess: 010000777", 5, "finess",
     "010000777 is read by YAML as a number, not as text", 'quote it: "010000777"'),
    ('finess: "270000999"', 'finess: "27000099"', 5, "finess", "27000099 does not have the right form",
     'write nine characters in quotes, such as "270000999"; the second may be A or B in Corsica'),
    ("city: Évreux", "city: no", 2, "city", "no is read by YAML as false, not as text", 'quote it: "no"'),
    ("city: Évreux", "city: 2024-01-01", 2, "city", "2024-01-01 is read by YAML as a date, not as text",
     'quote it: "2024-01-01"'),
    ("city: Évreux", "city:", 2, "city", "is empty", "write a value after `city:` or remove the line"),
    ("city: Évreux", "city: [a, b]", 2, "city", "is not a text", "write one value, not a list or a section"),
    ("city: Évreux", 'city: ""', 2, "city", "nothing does not have the right form",
     "write one line of text, without blanks at its ends"),
    ("name: Clinique Pasteur", 'name: "Clinique\\nPasteur"', 1, "name", "Clinique Pasteur does not have the right form",
     "write one line of text, without blanks at its ends"),
    ("wave: 1", "settings: {ssh: {bootstrap_user: -oProxyCommand}}", 7, "settings.ssh.bootstrap_user",
     "-oProxyCommand does not have the right form", "write a system account's name, such as root"),
    ("city: Évreux\n", "", 1, "city", "is missing", "add `city:`"),
    ("city: Évreux", "ctiy: Évreux\ncity: Évreux", 2, "ctiy", "the key ctiy is not known", "did you mean city?"),
    ("    roles:", "    role: []\n    roles:", 13, "hosts.0.role", "the key role is not known", "did you mean roles?"),
    ("    roles:", "    zzzz: []\n    roles:", 13, "hosts.0.zzzz", "the key zzzz is not known",
     "known here: address, address6, debian, name, roles, ssh_port"),
    ("wave: 1", "settings: {ssh: {usr: root}}", 7, "settings.ssh.usr", "the key usr is not known",
     "did you mean user?"),
    ("department: Eure (27)", "department: Eure", 4, "department", "Eure does not have the right form",
     "write the name and, in brackets, the number, as certificates have it: Eure (27)"),
    ("mode: operator", "mode: operatr", 6, "mode", "operatr is not known here",
     "did you mean operator? write one of: operator, hosted, individual"),
    ("[base, pki]", "[base, postfx]", 13, "hosts.0.roles.1", "postfx is not known here",
     "did you mean postfix? write one of: base, pki, openldap, directory, dovecot, trust, postfix, edge"),
    ("[base, pki]", "[]", 13, "hosts.0.roles", "the list is empty", "name at least one"),
    ("[base, pki]", "base", 13, "hosts.0.roles", "base is not a list", "write a list: one `- ` line for each"),
    ("10.83.27.11", "10.83.27.300", 12, "hosts.0.address", "10.83.27.300 is not an IPv4 address",
     "write four numbers, such as 192.0.2.10"),
    ("10.83.27.11", "10.83.27.11\n    address6: fe80::zz", 13, "hosts.0.address6", "fe80::zz is not an IPv6 address",
     "write it like 2001:db8::10, in quotes"),
    ("10.83.27.11", "10.83.27.11\n    ssh_port: 0", 13, "hosts.0.ssh_port", "0 is too small", "1 is the least"),
    ("10.83.27.11", "10.83.27.11\n    ssh_port: 65536", 13, "hosts.0.ssh_port", "65536 is too large",
     "65535 is the most"),
    ("wave: 1", "wave: first", 7, "wave", "first is not a whole number", "write digits without quotes"),
    ("wave: 1", "wave: 1.5", 7, "wave", "1.5 is not a whole number", "write digits without quotes"),
    ("wave: 1", "wave: true", 7, "wave", "true is not a whole number", "write digits without quotes"),
    ("10.83.27.11", "10", 12, "hosts.0.address", "10 is not an IPv4 address", "write four numbers, such as 192.0.2.10"),
    ("wave: 1", "redlist: {own_staff_direct: perhaps}", 7, "redlist.own_staff_direct",
     "perhaps is neither true nor false", "write true or false"),
    ("wave: 1", "redlist: {default: secret}", 7, "redlist.default", "secret is not known here",
     "did you mean secretariat? write one of: none, unlisted, secretariat"),
    ("wave: 1", "settings: {apt: {proxy: 'http://proxy.example.test\"; x'}}", 7, "settings.apt.proxy",
     'http://proxy.example.test"; x does not have the right form',
     "write a web address, such as http://proxy.example.test:3128"),
    ("wave: 1", "settings: {clock: {servers: [ntp iburst]}}", 7, "settings.clock.servers.0",
     "ntp iburst does not have the right form", "write one name or address a line, such as ntp.example.test"),
    ("wave: 1", "settings: {ssh: {admin_networks: []}}", 7, "settings.ssh.admin_networks", "the list is empty",
     "name at least one"),
    ("wave: 1", "redlist: none", 7, "redlist", "none is not a section", "write `key: value` lines, indented"),
    ("wave: 1", "settings: {ssh: {admin_networks: [10.0.0.1/8]}}", 7, "settings.ssh.admin_networks.0",
     "10.0.0.1/8 is not an IPv4 network", "write it like 192.0.2.0/24, host bits zero"),
    ("wave: 1", "settings: {trust: {anchors: 3}}", 7, "settings.trust.anchors", "3 is not a path",
     "write the path of a file"),
    ("name: pasteur.mssante.test", "name: Pasteur_", 9, "domains.0.name", "Pasteur_ does not have the right form",
     "write a full name in lower-case ASCII, such as mail.example.test; accents as xn-- labels"),
    ("mail: camille@pasteur.mssante.test", "mail: camille", 15, "contacts.responsible.mail",
     "camille does not have the right form", "write an address such as support@example.test"),
    ("city: Évreux", "slug: other\ncity: Évreux", 2, "slug", "slug is the file's name", "remove the line"),
    # what YAML itself would let pass, or say less well
    ("city: Évreux", "city: Évreux\ncity: Lens", 3, "city", "the key city is here twice",
     "keep one: it already stands in line 2"),
    ("city: Évreux", "city: &x Évreux", None, "", "", ""),
    ("city: Évreux", "city: *x", 2, "(file)", "the alias *x", "write the value out: no aliases here"),
    ("city: Évreux", "city: !secret x", 2, "city", "the tag !secret",
     "remove it: values here are plain text, numbers, lists"),
    ("city: Évreux", "city: 2024-13-45", 2, "city", "'2024-13-45' cannot be read", "put it in quotes if it is text"),
    ("city: Évreux", "city:\tÉvreux", 2, "(file)", "not YAML: found character '\\t' that cannot start any token",
     "write spaces, never tabs"),
    ("city: Évreux", "\tcity: Évreux", 2, "(file)", "not YAML: found character '\\t' that cannot start any token",
     "write spaces, never tabs"),
    ("city: Évreux", "city: Évreux: Eure", 2, "(file)", "not YAML: mapping values are not allowed here",
     "check the indentation, the colons and the quotes on this line and the one before"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "wrong", "way_out"), CHANGED, ids=[row[1] for row in CHANGED])
def test_a_mistake_is_said_with_its_line_and_the_way_out(
    tmp_path: Path, old: str, new: str, line: int | None, field: str, wrong: str, way_out: str
) -> None:
    assert OPERATOR.count(old) == 1
    root = write(tmp_path, pasteur=OPERATOR.replace(old, new))
    expected = [(line, field, wrong, way_out)] if line else []
    assert _problems(root) == expected


WHOLE = [
    ("- a\n- b\n", 1, "the file is not a mapping", "write `key: value` lines"),
    ("only text", 1, "the file is not a mapping", "write `key: value` lines"),
    ("a: 1\n---\nb: 2\n", 2, "not YAML: expected a single document in the stream, but found another document",
     "check the indentation, the colons and the quotes on this line and the one before"),
    ("a: \x00", 1, None, "remove control characters from the file"),
    ("[" * 600 + "]" * 600, 1, "nested too deeply to be read", "an inventory is at most a few levels deep"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "wrong", "way_out"), WHOLE)
def test_a_file_that_is_no_establishment_at_all_is_told(
    tmp_path: Path, text: str, line: int, wrong: str | None, way_out: str
) -> None:
    (found,) = _problems(write(tmp_path, pasteur=text))
    assert found[:2] == (line, "(file)")
    assert found[3] == way_out
    assert wrong is None or found[2] == wrong


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "pasteur.yml").write_bytes("name: Évreux".encode("latin-1"))
    assert _problems(tmp_path) == [(1, "(file)", "not UTF-8 at byte 6", "save the file as UTF-8")]


def test_an_empty_file_lacks_everything_that_is_needed(tmp_path: Path) -> None:
    fields = [found[1] for found in _problems(write(tmp_path, pasteur=""))]
    assert fields == ["city", "contacts", "department", "finess", "mode", "name", "region"]


LINES = [
    *OPERATOR.splitlines(),
    "- x",
    "  y: [1",
    "a: &b",
    "c: *b",
    "? [x]",
    "<<: {a: 1}",
    "!!int z",
    "k: !!timestamp z",
]
ANYTHING = st.one_of(
    st.text(),
    st.lists(st.sampled_from(LINES)).map("\n".join),
    st.tuples(st.integers(0, len(OPERATOR)), st.text(max_size=4)).map(
        lambda cut: OPERATOR[: cut[0]] + cut[1] + OPERATOR[cut[0] + len(cut[1]) :]
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANYTHING)
def test_whatever_is_in_a_file_is_an_inventory_or_a_list_of_problems(tmp_path: Path, text: str) -> None:
    found = _problems(tmp_path, {tmp_path / "pasteur.yml": text})
    assert all(line >= 1 and wrong and way_out for line, _, wrong, way_out in found)


def _problems(root: Path, drafts: Mapping[Path, str] = MappingProxyType({})) -> list[tuple[int, str, str, str]]:
    try:
        inventory.read(root, drafts)
    except InventoryError as error:
        return [(one.line, one.field, one.wrong, one.way_out) for one in error.problems]
    return []
