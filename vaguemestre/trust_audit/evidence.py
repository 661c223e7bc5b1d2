"""What operators and peers wrote down, read: SMTP replies, the peers' record, the operator's journal, reports. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from vaguemestre.host.trust.reasons import REASONS

_CODE = re.compile(r"\[(VGM-\d{3})\]")
_BY_CODE = {reason.code: reason.name for reason in REASONS}

# What OpenSSL says of a certificate (X509_verify_cert_error_string(3)) when nginx itself hangs up on it (421 4.7.1).
_COMPLAINTS = (
    ("certificate has expired", "expired"),
    ("certificate is not yet valid", "not_yet_valid"),
    ("unsuitable certificate purpose", "wrong_usage"),
    ("unsupported certificate purpose", "wrong_usage"),
    ("certificate signature failure", "foreign_authority"),
    ("unable to get", "foreign_authority"),
    ("self-signed certificate", "foreign_authority"),
)


@dataclass(frozen=True)
class Reply:
    """One SMTP reply to a peer that sends; `transaction` from 1, `code` 0 when the session ended without one."""

    case: str
    transaction: int
    step: str
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.step}: {self.code} {self.text}" if self.code else f"{self.step}: {self.text}"


@dataclass(frozen=True)
class Event:
    """One line of the peers' record; see vaguemestre/lab/world/peers.py for what each kind has."""

    time: float
    session: int
    host: str
    client: str
    kind: str
    more: dict[str, Any]


@dataclass(frozen=True)
class Decided:
    """One line of the trust daemon's journal. `domain` is the one that was asked about, lower case."""

    face: str
    verdict: str
    domain: str
    detail: str


@dataclass(frozen=True)
class Returned:
    """A report of non-delivery for one recipient, and why."""

    recipient: str
    diagnostic: str


def replies(text: str) -> tuple[Reply, ...]:
    """What the sender program printed."""
    return tuple(
        Reply(line["case"], line["transaction"], line["step"], line["code"], line["text"]) for line in _objects(text)
    )


def events(text: str) -> tuple[Event, ...]:
    """The peers' record."""
    return tuple(
        Event(line["time"], line["session"], line["host"], line["client"], line["event"], line)
        for line in _objects(text)
        if "session" in line
    )


def decisions(text: str) -> tuple[Decided, ...]:
    """The journal of the trust daemon; lines that are no decision are passed over."""
    return tuple(
        Decided(str(line["face"]), str(line["verdict"]), _domain(line).lower(), str(line.get("detail", "")))
        for line in _objects(text)
        if "verdict" in line and "face" in line
    )


def reason_in(text: str) -> str:
    """The name of the reason whose code stands in a reply or report; empty without one that is known."""
    found = _CODE.findall(text)
    return _BY_CODE.get(found[-1], "") if found else ""


def complaint(journal: str, client: str) -> tuple[str, str]:
    """Why nginx hung up on this client (an address) and its own words, from its journal; two empty texts: no word."""
    said_of = re.compile(rf"client: {re.escape(client)}[:,\s]")
    for line in reversed(journal.splitlines()):
        if "verify error" in line and said_of.search(line):
            return next((name for words, name in _COMPLAINTS if words in line), ""), line[line.index("verify error") :]
    return "", ""


def returned(report: EmailMessage) -> Iterator[Returned]:
    """The recipients that a report (RFC 3464) says were not reached."""
    for part in report.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in part.get_payload():
            if not isinstance(block, str) and block.get("Action", "").strip().lower() == "failed":
                recipient = str(block.get("Final-Recipient", "")).rpartition(";")[2].strip().lower()
                yield Returned(recipient, " ".join(str(block.get("Diagnostic-Code", "")).split()))


def _objects(text: str) -> Iterable[dict[str, Any]]:
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _domain(line: dict[str, Any]) -> str:
    """What was asked about: the maps say `domain`, submission says `recipient`."""
    return str(line.get("domain") or line.get("recipient") or "")
