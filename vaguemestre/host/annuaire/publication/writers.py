"""The ways to the nation, by the name that the inventory gives: another is one more line here, and a `Writer`."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from vaguemestre.host.annuaire.publication.fhir import FhirWriter, asking
from vaguemestre.host.annuaire.publication.layout import CREDENTIAL, KEY, Places, Settings
from vaguemestre.host.annuaire.publication.operation import Writer
from vaguemestre.host.annuaire.publication.table import TableWriter


class WriterError(Exception):
    """There is no way to the nation; `str()` says what is missing and the way out."""


def writer(settings: Settings, places: Places, key: str, now: datetime) -> Writer:
    """The writer of these settings; `key` opens the interface.

    Raises:
        WriterError: there is none of this name.
    """
    match settings.writer:
        case "fhir":
            return FhirWriter(settings.fhir, asking(settings.fhir, key))
        case "csv":
            return TableWriter(settings.table, places.spool, now)
        case other:
            raise WriterError(f"publication.writer {other!r}: there is no such way to the nation")


def key(settings: Settings) -> str:
    """The interface's key: systemd's credential, or root's own file for who calls by hand; empty when none is needed.

    Raises:
        WriterError: it is needed and cannot be read, or is no key.
    """
    if settings.writer != "fhir":
        return ""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else KEY
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise WriterError(
            f"{path}: the key of the nation's interface cannot be read: {error}\n"
            "    put it into the store of secrets as annuaire.key, then vaguemestre apply; by hand, run this as root"
        ) from error
    if not text or not text.isprintable() or " " in text:
        raise WriterError(f"{path}: this is no key: one word is wanted\n    see the secret annuaire.key")
    return text
