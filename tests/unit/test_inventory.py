"""From a folder of files to a fleet."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from declared import HOSTED, LAB, OPERATOR, SECOND, fleet, write

from vaguemestre import inventory
from vaguemestre.errors import InventoryError
from vaguemestre.inventory import EMBEDDED


def test_an_inventory_is_read_in_order_of_wave_and_then_of_name(tmp_path: Path) -> None:
    found = fleet(tmp_path, b=SECOND, a=OPERATOR.replace("wave: 1", "wave: 3"), pasteur=_other_numbers())
    assert [one.slug for one in found.establishments] == ["b", "pasteur", "a"]


def _other_numbers() -> str:
    return OPERATOR.replace("pasteur", "x").replace("27.11", "27.31").replace("270000999", "270000888")


def test_the_root_is_absolute_whatever_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "mine", pasteur=OPERATOR)
    monkeypatch.chdir(tmp_path)
    assert inventory.read(Path("mine")).root == tmp_path / "mine"


def test_what_an_establishment_says_itself_wins_field_by_field(tmp_path: Path) -> None:
    shared = "ssh: {user: keeper, bootstrap_user: debian}\nresolvers: [192.0.2.53]\n"
    own = OPERATOR + "settings: {ssh: {bootstrap_user: admin}}\n"
    found = fleet(tmp_path, inventory=shared, pasteur=own, lens=SECOND)
    settings = {one.slug: one.settings for one in found.establishments}
    assert (settings["pasteur"].ssh.user, settings["pasteur"].ssh.bootstrap_user) == ("keeper", "admin")
    assert settings["lens"].ssh.bootstrap_user == "debian"
    assert settings["pasteur"].resolvers == settings["lens"].resolvers == (IPv4Address("192.0.2.53"),)


def test_a_default_written_out_wins_over_what_is_shared(tmp_path: Path) -> None:
    own = OPERATOR + "settings: {clock: {steer: true}}\n"
    (one,) = fleet(tmp_path, inventory="clock: {steer: false}\n", pasteur=own).establishments
    assert one.settings.clock.steer is True


def test_an_operator_serves_itself_and_those_it_hosts(tmp_path: Path) -> None:
    found = fleet(tmp_path, pasteur=OPERATOR, tilleuls=HOSTED, lens=SECOND)
    served = {one.slug: [other.slug for other in found.served_by(one)] for one in found.establishments}
    assert served["pasteur"] == ["pasteur", "tilleuls"]
    assert served["lens"] == ["lens"]


def test_the_variable_names_the_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAGUEMESTRE_INVENTORY", str(write(tmp_path, pasteur=OPERATOR)))
    assert [one.slug for one in inventory.read().establishments] == ["pasteur"]


def test_without_a_name_the_lab_of_the_kit_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAGUEMESTRE_INVENTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert inventory.read().root == EMBEDDED.resolve()


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, inventory="cloc: {}\n", a=OPERATOR.replace("wave: 1", "wave: 0"), b="name: [\n")
    with pytest.raises(InventoryError) as caught:
        inventory.read(tmp_path)
    assert [(one.file.name, one.line) for one in caught.value.problems] == [
        ("a.yml", 7),
        ("b.yml", 2),
        ("inventory.yml", 1),
    ]


def test_two_problems_of_one_file_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, a=OPERATOR.replace("wave: 1", "wave: 0").replace("mode: operator", "mode: operatr"))
    with pytest.raises(InventoryError) as caught:
        inventory.read(tmp_path)
    assert [one.field for one in caught.value.problems] == ["mode", "wave"]


def test_a_broken_operator_is_not_also_told_as_missing(tmp_path: Path) -> None:
    write(tmp_path, pasteur=OPERATOR.replace("wave: 1", "wave: 0"), tilleuls=HOSTED)
    with pytest.raises(InventoryError) as caught:
        inventory.read(tmp_path)
    assert [one.field for one in caught.value.problems] == ["wave"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("nowhere", "there is no such inventory"),
        ("empty", "no establishment is declared here"),
        ("file", "an inventory is a folder"),
    ],
)
def test_a_folder_that_is_no_inventory_is_told(tmp_path: Path, name: str, wrong: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InventoryError) as caught:
        inventory.read(tmp_path / name)
    assert wrong in [one.wrong for one in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("Pasteur.yml", "Pasteur is no name for an establishment"), ("lens.yaml", "only .yml files are read")],
)
def test_a_file_whose_name_would_be_overlooked_is_told(tmp_path: Path, name: str, wrong: str) -> None:
    write(tmp_path, pasteur=OPERATOR)
    (tmp_path / name).write_text(SECOND)
    with pytest.raises(InventoryError) as caught:
        inventory.read(tmp_path)
    assert [(one.file.name, one.wrong) for one in caught.value.problems] == [(name, wrong)]


def test_a_draft_is_checked_as_if_it_had_been_written(tmp_path: Path) -> None:
    root = write(tmp_path, pasteur=OPERATOR)
    draft = root / "copy.yml"
    with pytest.raises(InventoryError) as caught:
        inventory.read(root, drafts={draft: OPERATOR})
    assert {one.field for one in caught.value.problems} == {
        "finess",
        "domains.0.name",
        "hosts.0.name",
        "hosts.0.address",
    }
    assert not draft.exists()


def test_a_lab_that_is_down_leaves_the_inventory_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGUEMESTRE_STATE", str(tmp_path / "state"))
    root = write(tmp_path / "lab", inventory=LAB, pasteur=OPERATOR)
    assert inventory.load(root) == inventory.read(root)
