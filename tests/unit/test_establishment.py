"""The model, its schema, and that the files that are shipped agree with both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared import HOSTED, LAB, OPERATOR, fleet
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from vaguemestre.establishment import Mode
from vaguemestre.inventory import schema

INVENTORIES = Path(__file__).parent.parent.parent / "inventories"
SHIPPED = sorted(file for file in INVENTORIES.glob("*/*.yml"))


def schema_of(file: Path) -> dict[str, Any]:
    return schema.inventory() if file.name == "inventory.yml" else schema.establishment()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_shipped_file_fits_its_schema_and_tells_editors_which(file: Path) -> None:
    text = file.read_text()
    Draft202012Validator(schema_of(file)).validate(yaml.safe_load(text))
    kind = "inventory" if file.name == "inventory.yml" else "establishment"
    assert text.startswith(f"# yaml-language-server: $schema=../schema/{kind}.json\n")


@pytest.mark.parametrize("kind", ["establishment", "inventory"])
def test_the_schema_kept_for_editors_is_the_models_own(kind: str) -> None:
    kept = INVENTORIES / "schema" / f"{kind}.json"
    assert kept.read_text() == schema.text(getattr(schema, kind)()), f"vaguemestre schema > {kept}, and review it"


@pytest.mark.parametrize("kind", ["establishment", "inventory"])
def test_a_schema_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(json.loads(schema.text(getattr(schema, kind)())))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"270000999"', "270000999"),
        ("mode: operator", "mode: master"),
        ("city: Évreux", "ctiy: Évreux"),
        ("city: Évreux", "city: Évreux\nslug: other"),
        ("Eure (27)", "Eure"),
        ("[base, pki]", "[base, postfx]"),
    ],
)
def test_an_editor_sees_what_validate_would_refuse(old: str, new: str) -> None:
    validator = Draft202012Validator(schema.establishment())
    assert validator.is_valid(yaml.safe_load(OPERATOR))
    assert not validator.is_valid(yaml.safe_load(OPERATOR.replace(old, new)))


def test_every_field_tells_an_editor_what_it_is() -> None:
    parts = [schema.establishment(), *schema.establishment()["$defs"].values(), schema.inventory()]
    fields = {name: field for part in parts for name, field in part.get("properties", {}).items()}
    assert [name for name, field in fields.items() if "description" not in field and "$ref" not in field] == []


def test_the_structure_of_its_certificates_is_one_and_the_finess_number(tmp_path: Path) -> None:
    (one,) = fleet(tmp_path, pasteur=OPERATOR).establishments
    assert one.structure_id == "1270000999"


def test_a_corsican_finess_number_has_a_letter(tmp_path: Path) -> None:
    (one,) = fleet(tmp_path, pasteur=OPERATOR.replace("270000999", "2A0000999")).establishments
    assert one.finess == "2A0000999"


def test_an_establishment_cannot_be_changed_once_it_is_read(tmp_path: Path) -> None:
    (one,) = fleet(tmp_path, pasteur=OPERATOR).establishments
    with pytest.raises(ValidationError):
        one.wave = 2  # type: ignore[misc]


def test_hosts_are_walked_in_rollout_order_with_their_establishments(tmp_path: Path) -> None:
    found = fleet(tmp_path, inventory=LAB, pasteur=OPERATOR, tilleuls=HOSTED)
    assert [(one.mode, host.name) for one, host in found.hosts()] == [(Mode.OPERATOR, "mail.pasteur.mssante.test")]
