"""`vaguemestre trust`: the white list, who is in it, what changed, what waits for approval."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaguemestre.cli.inventory import AsJson
from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from cryptography import x509

    from vaguemestre.host.trust.whitelist import WhiteList, WhiteListError

app = typer.Typer(
    no_args_is_help=True,
    help="The trust space: the national white list (liste blanche) of operators, and what hosts make of it.",
)

_UNUSABLE_SHOWN = 5


class UnreadableError(VaguemestreError):
    """A file or an option that cannot be used; nothing was verified."""

    exit_code = Exit.INVALID


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The list as it was published, signature included.")],
    anchor: Annotated[
        Path | None,
        typer.Option(
            help="PEM file of the authorities that may have issued the signer's certificate; without it, the national "
            "chain (IGC-Santé) that comes with the kit.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Judge the signer's certificate at this date (2025-02-28, or 2025-02-28T15:42:07Z) instead of now: "
            "for lists kept in an archive, whose signer has expired since.",
        ),
    ] = None,
    signer: Annotated[
        str, typer.Option(help="CN of the certificate that must have signed the list.")
    ] = "alb.mssante.fr",
    as_json: AsJson = False,
) -> None:
    """Verify a white list from a file, without any host or network.

    Checks what hosts check before they believe a list: that its signature covers the whole of it, who signed it, the
    signer's certificate up to the anchors, and that it is built as it should be. Then tells its date, entries, domains
    and operators, and which entries cannot be used.

    Example: vaguemestre trust verify listeblanchemssante.xml

    Exit codes: 0 the list holds, 1 it is refused and the reason is told, 2 a file or an option cannot be used.
    """
    from vaguemestre.establishment import WhiteList as Source
    from vaguemestre.host.trust.whitelist import WhiteListError, read

    xml, anchors, moment = _bytes(file), _anchors(anchor), _moment(at)
    most = Source().max_mib << 20
    try:
        found = read(xml, anchors=anchors, signer=signer, at=moment, now=datetime.now(UTC), max_bytes=most)
    except WhiteListError as error:
        _refused(file, error, as_json, archived=at is not None)
        raise typer.Exit(Exit.FAILED) from None
    typer.echo(_json(_as_data(found)) if as_json else _told(file, found))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{file}: {error.strerror}") from None


def _anchors(file: Path | None) -> list[x509.Certificate]:
    from cryptography import x509

    from vaguemestre import pki

    file = file or Path(pki.__file__).with_name("igc-sante.pem")
    try:
        return x509.load_pem_x509_certificates(_bytes(file))
    except ValueError:
        raise UnreadableError(
            f"{file}: no PEM certificates in it\n    --anchor wants the authorities' certificates; DER becomes PEM by "
            f"`openssl x509 -inform DER -in FILE`"
        ) from None


def _moment(text: str | None) -> datetime | None:
    """A date without time is its first second, UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableError(
            f"--at {text}: no date\n    write it as 2025-02-28 or, with the time, as 2025-02-28T15:42:07Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refused(file: Path, error: WhiteListError, as_json: bool, *, archived: bool) -> None:
    if as_json:
        typer.echo(_json({"valid": False, "reason": error.reason, "message": str(error)}))
        return
    typer.secho(f"{file}: refused: {error} [{error.reason}]", err=True)
    if error.reason == "signer_expired" and not archived:
        typer.echo("    for a list kept in an archive, give the date it was made: --at YYYY-MM-DD", err=True)


def _facts(found: WhiteList) -> dict[str, int]:
    from vaguemestre.host.trust.churn import operator

    return {
        "entries": len(found.entries),
        "domains": len(found.domains()),
        "operators": len({operator(written) for written in {one.dn for one in found.entries}}),
        "names": len({one.key for one in found.entries}),
    }


def _as_data(found: WhiteList) -> dict[str, Any]:
    signer = found.signer
    return {
        "valid": True,
        "generated": found.generated.isoformat(),
        **_facts(found),
        "unusable": [one._asdict() for one in found.skipped],
        "signer": {
            "name": signer.name,
            "dn": signer.dn,
            "serial": f"{signer.serial:X}",
            "not_before": signer.not_before.isoformat(),
            "not_after": signer.not_after.isoformat(),
        },
        "sha256": found.digest,
    }


def _told(file: Path, found: WhiteList) -> str:
    facts, signer = _facts(found), found.signer
    told = [
        f"{file}: the signature holds",
        f"    generated  {found.generated:%Y-%m-%d %H:%M:%S} UTC",
        f"    signed by  {signer.dn}, valid until {signer.not_after:%Y-%m-%d}",
        f"    {facts['entries']:,} entries, {facts['domains']:,} domains, {facts['operators']:,} operators, "
        f"{facts['names']:,} certificate names",
        *(f"    entry {one.number} cannot be used: {one.name!r}: {one.reason}" for one in found.skipped),
    ]
    rest = len(found.skipped) - _UNUSABLE_SHOWN
    return "\n".join([*told[: 4 + _UNUSABLE_SHOWN], *([f"    and {rest} more, see --json"] if rest > 0 else [])])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
