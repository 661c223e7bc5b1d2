"""The daily extraction as it is served: dated as the nation dates it, and spoiled as tests ask for it.

A new edition comes when the register changed or a day began. Its name bears Paris time to the minute, and no two
editions have the same: the later one is dated ahead then.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from vaguemestre.lab.world.annuaire.register import Register

PATH = "/annuaire-sante-webservices/V300/services/extraction/Extraction_Correspondance_MSSante"
_PARIS = ZoneInfo("Europe/Paris")
_MIDNIGHT = {"hour": 3, "minute": 13, "second": 0, "microsecond": 0}  # when a day's edition is made, as observed
_SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda text: b"".join(_lines(text)[: 1 + len(_lines(text)) // 2]),
    "reordered": lambda text: b"".join([_lines(text)[0], *_lines(text)[:0:-1]]),
    "duplicated": lambda text: b"".join([*_lines(text), *_lines(text)[1:]]),
    "latin1": lambda text: _latin(text),
    "mixed": lambda text: b"".join(_latin(one) if at % 5 == 4 else one for at, one in enumerate(_lines(text))),
    "cut": lambda text: text[: len(text) * 2 // 3],
    "columns": lambda text: b"".join(one.rpartition(b"|")[0] + b"\n" for one in _lines(text)),
    "header": lambda text: b"".join(_lines(text)[:1]),
    "empty": lambda _: b"",
}


@dataclass(frozen=True)
class Edition:
    """What is served: the file and its name."""

    name: str
    content: bytes


def edition(register: Register, folder: Path, faults: dict[str, Any]) -> Edition:
    """Today's, or what lies in the folder ``served``, exactly as it lies there.

    `faults` may have: spoil, one of those above; generated, a date (ISO 8601) that it bears instead of its own.
    """
    dropped = sorted((folder / "served").glob("*")) if (folder / "served").is_dir() else []
    if dropped:
        return Edition(dropped[-1].name, dropped[-1].read_bytes())
    header = (folder / "extraction.txt").read_text().partition("\n")[0]
    text = "".join(f"{one}\n" for one in (header, *register.lines())).encode()
    made = _made(folder / "edition.json", hashlib.sha256(text).hexdigest())
    if "generated" in faults:
        made = datetime.fromisoformat(faults["generated"])
    if "spoil" in faults:
        text = _SPOILED[faults["spoil"]](text)
    name = f"Extraction_Correspondance_MSSante_{made.astimezone(_PARIS):%Y%m%d%H%M}"
    return Edition(f"{name}.zip", _zipped(f"{name}.txt", text))


def _made(kept: Path, digest: str) -> datetime:
    """When this content was first seen, at the earliest this night."""
    now = datetime.now(_PARIS)
    night = now.replace(**_MIDNIGHT)  # type: ignore[arg-type]
    night = (night if night <= now else night - timedelta(days=1)).astimezone(UTC)
    known = json.loads(kept.read_text()) if kept.exists() else {"made": night.isoformat(), "digest": digest}
    made = max(night, datetime.fromisoformat(known["made"]))
    if known["digest"] != digest:
        made = max(made + timedelta(minutes=1), now.astimezone(UTC).replace(second=0, microsecond=0))
    draft = kept.with_suffix(".new")
    draft.write_text(json.dumps({"made": made.isoformat(), "digest": digest}))
    draft.replace(kept)
    return made


def _zipped(name: str, text: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def _latin(text: bytes) -> bytes:
    return text.decode().encode("latin-1", "replace")


def _lines(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)
