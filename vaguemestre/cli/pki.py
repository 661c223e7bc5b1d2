"""`vaguemestre pki`: ask for certificates, take what comes back, see what there is, check it before peers do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory

if TYPE_CHECKING:
    from vaguemestre.establishment import Fleet
    from vaguemestre.pki.bearer import Bearer

app = typer.Typer(
    no_args_is_help=True,
    help="Certificates of hosts (IGC-Santé SERV SSL) and programs (ORG AUTH_CLI): keys are made here, sealed with "
    "Ansible Vault, and never lie on this disk in clear. No command here contacts a mail server or changes one: what "
    "is live in the store goes to the hosts with the next apply.",
)

Client = Annotated[str, typer.Option(metavar="NAME", help="A program of an establishment instead of a host.")]
Slug = Annotated[str, typer.Option(metavar="SLUG", help="The establishment of that program.")]
WhiteListFile = Annotated[
    Path | None,
    typer.Option("--white-list", metavar="FILE", help="A white list to look in; without it, the one our hosts hold."),
]
Anyway = Annotated[bool, typer.Option("--anyway", help="Make it live although peers would not accept its DN yet.")]
MaybeHost = Annotated[str | None, typer.Argument(metavar="HOST", help="The host, by its full name.")]


@app.command()
def request(
    host: MaybeHost = None,
    client: Client = "",
    establishment: Slug = "",
    siret: Annotated[bool, typer.Option("--siret", help="Bear the SIRET (OU = 3...), not the FINESS (1...).")] = False,
    bits: Annotated[int, typer.Option(help="Size of the RSA key: 2048 or 3072.")] = 2048,
    csr: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write the request; without it, ./NAME.csr.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Give up the pending request and make another key.")] = False,
    inventory: Inventory = None,
) -> None:
    """Make a key and ask for its certificate: writes the request (CSR) and says what to paste where.

    The key is sealed with Ansible Vault by the password in the file $ANSIBLE_VAULT_PASSWORD_FILE; the live key stays
    as it is. Asking again shows the same request. With --new the key of the request given up is kept aside, since its
    certificate may still come.

    Example: vaguemestre pki request mail.my-hospital.example
    """
    from vaguemestre.cli.certificates import told_request, write_csr
    from vaguemestre.inventory import load
    from vaguemestre.pki.asking import ask

    bearer = _bearer(load(inventory), host, client, establishment)
    asked = ask(bearer, bits=bits, siret=siret, new=new)
    file = write_csr(csr or Path(f"{bearer.name}.csr"), asked.csr)
    typer.echo(told_request(bearer, asked, file))


@app.command("import")
def import_(
    names: Annotated[
        list[str], typer.Argument(metavar="[HOST] FILE...", help="The host, then the files; with --client, files only.")
    ],
    client: Client = "",
    establishment: Slug = "",
    passphrase_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the passphrase of a PKCS#12 or a key.")
    ] = None,
    white_list: WhiteListFile = None,
    anyway: Anyway = False,
    new: Annotated[
        bool, typer.Option("--new", help="Take it although another request or certificate is waiting.")
    ] = False,
    inventory: Inventory = None,
) -> None:
    """Take what came back: PEM, DER, PKCS#7 chains (.p7b), PKCS#12 (.p12), in any mixture.

    Refuses, naming all that is wrong, what does not fit the key, the national profile, the authorities, the dates or
    the host; then nothing changes. A certificate with the DN of the live one goes live at once. One with a new DN waits
    as "next" until the white list names it: the text to send to the ANS is printed.

    Example: vaguemestre pki import mail.my-hospital.example certificate.cer chain.p7b
    """
    from vaguemestre.cli.certificates import contents, now, passphrase, told_admission
    from vaguemestre.inventory import load
    from vaguemestre.pki.admission import admit
    from vaguemestre.pki.arrival import read
    from vaguemestre.pki.fleet import WhiteListSource, terms

    host, files = (None, names) if client else (names[0], names[1:])
    if not files:
        raise typer.BadParameter("name the files that came back, after the host")
    fleet = load(inventory)
    bearer = _bearer(fleet, host, client, establishment)
    arrived = read(contents(map(Path, files)), passphrase(passphrase_file))
    source = WhiteListSource(fleet, bearer.establishment, white_list, now(), _progress)
    done = admit(bearer, arrived, terms(fleet, bearer, source, anyway=anyway), replace=new)
    typer.echo(told_admission(fleet, bearer, done, source.note))


@app.command()
def switch(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The host, by its full name.")],
    white_list: WhiteListFile = None,
    anyway: Anyway = False,
    inventory: Inventory = None,
) -> None:
    """Make the next certificate live, once the white list names its DN. The one before is kept as "previous".

    Exit code 3: the white list does not name it yet; it still waits.
    """
    from vaguemestre.cli.certificates import now, told_admission
    from vaguemestre.errors import Exit
    from vaguemestre.inventory import load
    from vaguemestre.pki.admission import switch as promote
    from vaguemestre.pki.fleet import WhiteListSource, terms

    fleet = load(inventory)
    bearer = _bearer(fleet, host, "", "")
    source = WhiteListSource(fleet, bearer.establishment, white_list, now(), _progress)
    done = promote(bearer, terms(fleet, bearer, source, anyway=anyway))
    typer.echo(told_admission(fleet, bearer, done, source.note))
    raise typer.Exit(Exit.OK if done.verdict.live else Exit.CHANGES)


@app.command()
def status(inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show every certificate of the inventory: live, next, previous, requested, and the authorities believed.

    Each with its days left, its stage (90, 60, 30, 7 days, expired), the daemons that use it, and whether its key is
    sealed. Reads files only: no password, no host.

    Exit code 0: nothing due. 3: something in use or next ends within 30 days. 1: something has expired.
    """
    from vaguemestre.cli.certificates import now, status_json, status_text
    from vaguemestre.inventory import load
    from vaguemestre.pki.fleet import every_holding
    from vaguemestre.pki.holdings import code

    found, moment = every_holding(load(inventory)), now()
    typer.echo(status_json(found, moment) if as_json else status_text(found, moment))
    raise typer.Exit(code(found, moment))


@app.command()
def check(
    hosts: Annotated[list[str] | None, typer.Argument(metavar="HOST", help="Hosts; without any, all.")] = None,
    white_list: WhiteListFile = None,
    crl: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Revocation list in a file, instead of fetching. May be repeated."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Look at files only: no hosts, CRL, OCSP or DNS.")] = False,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Say what a peer would refuse about the live certificates, before they are deployed.

    Key, name, dates, usages, chain, national profile, revocation, the DN on the white list for every mail domain, the
    MX records; and what a peer's own trust daemon would decide. What could not be looked at is said.

    Exit code 0: peers accept all of them. 1: something would be refused.
    """
    from vaguemestre.cli.certificates import checked_json, checked_text, now
    from vaguemestre.errors import Exit
    from vaguemestre.inventory import load
    from vaguemestre.pki.fleet import Means, checked

    means = Means(now(), white_list, tuple(crl or ()), offline, _progress)
    found = checked(load(inventory), hosts or [], means)
    typer.echo(checked_json(found) if as_json else checked_text(found))
    raise typer.Exit(Exit.FAILED if any(one.faults for one in found) else Exit.OK)


def _progress(words: str) -> None:
    typer.echo(f"{words} ...", err=True)


def _bearer(fleet: Fleet, host: str | None, name: str, slug: str) -> Bearer:
    from vaguemestre.pki import bearer

    if bool(host) == bool(name):
        raise typer.BadParameter("name a host, or a program: --client NAME --establishment SLUG")
    return bearer.client(fleet, name, slug) if name else bearer.server(fleet, str(host))
