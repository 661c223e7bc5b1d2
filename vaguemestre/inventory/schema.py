"""JSON Schemas of the two kinds of files, for editors and other tools."""

from __future__ import annotations

import json
from typing import Any

from vaguemestre.establishment import Establishment, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def establishment() -> dict[str, Any]:
    """What an establishment's file may hold; its slug is the file's name and stands not in it."""
    schema = Establishment.model_json_schema()
    del schema["properties"]["slug"]
    schema["required"].remove("slug")
    return _titled(schema, "An establishment of a Vaguemestre inventory")


def inventory() -> dict[str, Any]:
    """What ``inventory.yml`` may hold."""
    return _titled(Settings.model_json_schema(), "What all establishments of a Vaguemestre inventory share")


def text(schema: dict[str, Any]) -> str:
    """The schema as it is kept in a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _titled(schema: dict[str, Any], title: str) -> dict[str, Any]:
    return {"$schema": DIALECT, **schema, "title": title}
