"""What `vaguemestre pki` reads and what it says, as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from vaguemestre.establishment import Fleet
from vaguemestre.host.trust.dn import text_of
from vaguemestre.pki.admission import Admitted
from vaguemestre.pki.asking import Asked
from vaguemestre.pki.bearer import Bearer, Kind
from vaguemestre.pki.faults import PkiError
from vaguemestre.pki.fleet import Checked
from vaguemestre.pki.holdings import Holding, Stage
from vaguemestre.pki.listed import letter
from vaguemestre.pki.request import instructions

_CSR = b"-----BEGIN CERTIFICATE REQUEST-----"


def now() -> datetime:
    return datetime.now(UTC)


def contents(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Names and bytes; raises PkiError for a file that cannot be read."""
    for file in files:
        try:
            yield str(file), file.read_bytes()
        except OSError as error:
            raise PkiError(f"{file}: cannot be read: {error.strerror}\n    nothing was changed") from error


def passphrase(file: Path | None) -> bytes | None:
    """The first line of the file; raises PkiError."""
    if file is None:
        return None
    ((_, content),) = contents([file])
    return content.partition(b"\n")[0].rstrip(b"\r")


def write_csr(file: Path, csr: x509.CertificateSigningRequest) -> Path:
    """Write the request where it can be taken from; it is public. Raises PkiError, overwrites no other file."""
    try:
        if file.exists() and not file.read_bytes().startswith(_CSR):
            raise PkiError(f"{file}: is there and is no request; it is left alone\n    name another: --csr FILE")
        file.write_bytes(csr.public_bytes(Encoding.PEM))
    except OSError as error:
        raise PkiError(
            f"{file}: cannot be written: {error.strerror}\n    the request is kept; name another file: --csr FILE"
        ) from error
    return file


def told_request(bearer: Bearer, asked: Asked, file: Path) -> str:
    """What was made or was there, what it means for a renewal, and what to do on the platform."""
    made = "a new key was made and sealed" if asked.fresh else "this request was made before and still waits"
    lines = [f"{bearer.name}: {bearer.kind.value}, {made}; its request is in {file}"]
    if asked.changed:
        lines.append("  the inventory says another subject by now: --new gives this request up and makes another")
    if asked.live:
        until = f"{asked.live.leaf.not_valid_after_utc:%Y-%m-%d}"
        lines.append(f"  a renewal: the live certificate (until {until}) stays in use until the new one is here")
        lines.append(f"  {_renewal(asked)}")
    return "\n".join([*lines, "", instructions(bearer, asked.csr, str(file))])


def _renewal(asked: Asked) -> str:
    if asked.same_dn:
        return "its DN stays the same: nothing to change on the white list"
    return "its DN will be another: `pki import` gives the text that asks the ANS for its white-list entry"


def told_admission(fleet: Fleet, bearer: Bearer, done: Admitted, note: str) -> str:
    """Where a certificate stands now and what comes next."""
    leaf = done.chain.leaf
    lines = [f"{bearer.name}: {text_of(leaf.subject)}, until {leaf.not_valid_after_utc:%Y-%m-%d}"]
    if done.sealed:
        lines.append("  its key came with it and is kept sealed; delete the file that you brought")
    lines.append(f"  {'live' if done.verdict.live else 'next, not live'}: {done.verdict.why}")
    if done.verdict.live:
        return "\n".join([*lines, *_after(bearer, done)])
    if note:
        lines.append(f"  {note}")
    return "\n".join([*lines, *_waiting(fleet, bearer, done)])


def _after(bearer: Bearer, done: Admitted) -> Iterator[str]:
    for domain in done.verdict.missing:
        yield f"  the white list lacks it for {domain}: mail of that domain is refused by peers"
    if done.known:
        return
    if bearer.kind is Kind.SERVER:
        yield f"  to the host: vaguemestre apply {bearer.name}; then vaguemestre verify {bearer.name}"
    if done.before:
        serial = f"{done.before.leaf.serial_number:x}"
        yield f"  the one before is kept as previous; once all is well, revoke it on the platform (serial {serial})"


def _waiting(fleet: Fleet, bearer: Bearer, done: Admitted) -> Iterator[str]:
    one = bearer.establishment
    old = done.before.leaf.subject if done.before else None
    yield "  the certificate before stays live" if done.before else "  nothing is live yet"
    yield f"  once the list names it: vaguemestre pki switch {bearer.name}"
    yield "  to send to the ANS (monserviceclient.mssante@esante.gouv.fr):"
    yield ""
    yield indent(letter(one, fleet.served_by(one), done.chain.leaf.subject, old), "    ")


def status_text(found: Iterable[Holding], moment: datetime) -> str:
    """A block a credential: where it stands, then its names."""
    return "\n".join(line for one in found for line in _block(one, moment))


def _block(one: Holding, moment: datetime) -> Iterator[str]:
    key = {None: "", True: "; key sealed", False: "; key in clear"}[one.sealed]
    used = f"; used by {', '.join(one.used_by)}" if one.used_by else ""
    yield f"{one.bearer}  {one.product}  {one.state}: {_left(one, moment)}{key}{used}"
    yield f"    {one.subject}"
    if one.issuer and one.issuer != one.subject:
        yield f"    issued by {one.issuer}"


def _left(one: Holding, moment: datetime) -> str:
    if one.ends is None:
        return "waits for its certificate"
    stage = one.stage(moment)
    if stage is Stage.EXPIRED:
        return f"EXPIRED on {one.ends:%Y-%m-%d}"
    told = "" if stage in (Stage.FINE, None) else f", within {stage.value}"
    return f"until {one.ends:%Y-%m-%d}, {one.days(moment)} days left{told}"


def status_json(found: Iterable[Holding], moment: datetime) -> str:
    """A list of objects: the fields of `Holding`, with `days` and `stage`."""
    return _json([_plain(one, moment) for one in found])


def _plain(one: Holding, moment: datetime) -> dict[str, Any]:
    stage = one.stage(moment)
    return asdict(one) | {"days": one.days(moment), "stage": stage.value if stage else None}


def checked_text(found: Iterable[Checked]) -> str:
    """A line a host, what a peer would refuse, and what was not looked at."""
    return "\n".join(line for one in found for line in _verdict(one))


def _verdict(one: Checked) -> Iterator[str]:
    yield f"{one.host}: {'peers would refuse it' if one.faults else 'nothing that a peer would refuse'}"
    for fault in one.faults:
        yield indent(str(fault), "  ")
    for note in one.notes:
        yield f"  not known: {note}"


def checked_json(found: Iterable[Checked]) -> str:
    """A list of objects: `host`, `faults` (`wrong`, `way_out`) and `notes`."""
    return _json([asdict(one) for one in found])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=lambda moment: moment.isoformat())
