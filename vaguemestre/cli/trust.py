"""`vaguemestre trust`: the white list, who is in it, what changed, what waits for approval."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from cryptography import x509

    from vaguemestre.host.trust.whitelist import WhiteList, WhiteListError
    from vaguemestre.verbs.trust import Answers

app = typer.Typer(
    no_args_is_help=True,
    help="The trust space: the national white list (liste blanche) of operators, and what hosts make of it.",
)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all of them.")
]

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
    from vaguemestre.host.trust.whitelist import WhiteListError, read
    from vaguemestre.nation import WhiteList as Source

    xml, anchors, moment = _bytes(file), _anchors(anchor), _moment(at)
    most = Source().max_mib << 20
    try:
        found = read(xml, anchors=anchors, signer=signer, at=moment, now=datetime.now(UTC), max_bytes=most)
    except WhiteListError as error:
        _refused(file, error, as_json, archived=at is not None)
        raise typer.Exit(Exit.FAILED) from None
    typer.echo(_json(_as_data(found)) if as_json else _told(file, found))


@app.command()
def show(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show what each host holds: white list, quarantine, revocation, alarms, and whether it is listed itself.

    A list is confirmed while its source stands by it; 24 hours without that is an alarm, and what is not on the list
    is deferred instead of refused. Our own domains must be listed with the name (DN) of the host's certificate.

    Exit codes: 0 all is well, 3 an alarm stands, 1 a host failed, 4 a host could not be reached.
    """
    _ask(inventory, names, ["show"], as_json)


@app.command()
def lookup(
    domain: Annotated[str, typer.Argument(help="A mail domain, or an address.")],
    names: Names = None,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Tell under which certificate names (DN) a domain is listed, of which operator, since when; or that it is not.

    A domain counts by itself: a listed parent says nothing of its children. Near spellings, listed parents and
    children are told for a domain that is not listed.

    Example: vaguemestre trust lookup urgences@ch-lens.mssante.test

    Exit codes: 0 it is listed, 1 it is not on some host.
    """
    _ask(inventory, names, ["lookup", domain], as_json)


@app.command()
def diff(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show what the list in quarantine would change, by operator: who loses how many domains, who gains them.

    A list that is well signed but removes or changes more than settings.trust.white_list allows waits there, and
    nothing of it counts. When it is meant (an operator that moves its domains to a new certificate), approve it.

    Exit codes: 0 nothing waits, 3 a list waits.
    """
    _ask(inventory, names, ["diff"], as_json)


@app.command()
def approve(
    names: Names = None,
    digest: Annotated[
        str, typer.Option(help="SHA-256 of the list that was looked at, or its first 8 characters at least; see diff.")
    ] = "",
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Put the list in quarantine in force, this one and this once; who did it is in the history.

    Without --digest the difference is shown and asked about first. A host where another list waits by now refuses.

    Example: vaguemestre trust approve --digest 3d07de2f37de64d6
    """
    from vaguemestre.inventory import load
    from vaguemestre.verbs import trust

    fleet, chosen = load(inventory), tuple(names or ())
    if not digest:
        digest, chosen = _looked_at(trust.ask(fleet, chosen, ["diff"]))
    _say(trust.approve(fleet, chosen, digest), as_json)


@app.command()
def history(
    names: Names = None,
    last: Annotated[int, typer.Option(min=1, help="So many events.")] = 30,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened: lists taken, held back, approved; sources that fail and recover; our own entries."""
    _ask(inventory, names, ["history", f"--last={last}"], as_json)


@app.command()
def refresh(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Have the hosts ask the white list's and the revocation lists' sources now, instead of when they are due.

    The national sources refuse eager clients: hosts ask by themselves, hourly. This is for after a repair.

    Exit codes: 0 all sources answered well, 1 one did not, and why is told; what was held stays in force.
    """
    _ask(inventory, names, ["refresh", "--now"], as_json)


@app.command()
def push(
    file: Annotated[Path, typer.Argument(help="The list as it was published.")],
    names: Names = None,
    crl: Annotated[bool, typer.Option("--crl", help="It is a revocation list (DER or PEM).")] = False,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Bring a white list, or a revocation list, to hosts that cannot fetch it: sites without internet.

    The hosts check it as they check what they fetch: signature, signer, dates, no older than what they hold, and how
    much it changes. It counts as confirmed at the time it was made.

    Example: vaguemestre trust push listeblanchemssante.xml pasteur-evreux

    Exit codes: 0 taken or already held, 2 refused, 3 held back until it is approved of.
    """
    _ask(inventory, names, ["push-crl" if crl else "push", "-"], as_json, _bytes(file))


def _ask(
    inventory: Path | None, names: list[str] | None, arguments: list[str], as_json: bool, stdin: bytes = b""
) -> None:
    from vaguemestre.inventory import load
    from vaguemestre.verbs import trust

    _say(trust.ask(load(inventory), tuple(names or ()), arguments, stdin), as_json)


def _say(answers: Answers, as_json: bool) -> None:
    """By host; then end with the worst of their codes."""
    from vaguemestre.cli.trust_tables import print_answers

    typer.echo(_json(answers.plain())) if as_json else print_answers(answers)
    raise typer.Exit(answers.code)


def _looked_at(differences: Answers) -> tuple[str, tuple[str, ...]]:
    """The list that waits and on which hosts, once a person has seen what it changes and agreed."""
    from vaguemestre.cli.trust_tables import print_answers
    from vaguemestre.verbs.trust import TrustError, waiting

    digest, hosts = waiting(differences)
    if not sys.stdin.isatty():
        raise TrustError(f"nobody is here to look at it\n    name the list that was looked at: --digest {digest[:16]}")
    print_answers(differences)
    typer.confirm(f"Put the list {digest[:16]} in force on {', '.join(hosts)}?", abort=True)
    return digest, hosts


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
        f"    {_many(facts['entries'], 'entry')}, {_many(facts['domains'], 'domain')}, "
        f"{_many(facts['operators'], 'operator')}, {_many(facts['names'], 'certificate name')}",
        *(f"    entry {one.number} cannot be used: {one.name!r}: {one.reason}" for one in found.skipped),
    ]
    rest = len(found.skipped) - _UNUSABLE_SHOWN
    return "\n".join([*told[: 4 + _UNUSABLE_SHOWN], *([f"    and {rest} more, see --json"] if rest > 0 else [])])


def _many(number: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
