"""The demo: two bare hosts become two operators, and a doctor of the one writes to a doctor of the other.

It types the commands that an administrator would type, and shows what they print. Run it by ``script/demo``.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import smtplib
import subprocess
import sys
import time
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table

from vaguemestre import inventory
from vaguemestre.engines.sessions import Ran
from vaguemestre.errors import VaguemestreError
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.site import Site, sites
from vaguemestre.verify.verdict import count, read_junit

SUBJECT = "Courrier de sortie de M. Zéphyrin IMAGINAIRE"
BODY = "Cher confrère,\n\nvoici le compte rendu d'hospitalisation de votre patient.\n\nC. Fictif\n"
OUTSIDE = "quelqu.un@outside.example"
CASES = ("cert-valide-audit", "sans-tls-audit", "cert-revoque-audit", "cert-cn-diff-dn-audit")
"""A few of the audit's cases: what national audits try first."""

console = Console(highlight=False)


class DemoError(VaguemestreError):
    """A command of the demo failed; what it printed stands above."""


@dataclass(frozen=True)
class Doctor:
    """An invented professional; the RPPS number is nobody's. `redlist` is what the doctor chose."""

    establishment: str
    local_part: str
    name: str
    rpps: str
    redlist: str


CAMILLE = Doctor("clinique-pasteur-evreux", "camille.fictif", "Dr Camille FICTIF", "10009990010", "none")
DOMINIQUE = Doctor("ch-lens", "dominique.exemple", "Dr Dominique EXEMPLE", "10009990028", "none")


def main() -> None:
    """Play the demo; exits with the code of what stopped it."""
    options = _options()
    # Whatever inventory is exported here, perhaps a real one: the demo is the lab's.
    os.environ[inventory.VARIABLE] = str(inventory.EMBEDDED)
    try:
        _play(options.reports)
    except VaguemestreError as error:
        console.print(f"\n[red]The demo stopped.[/] {error}", soft_wrap=True)
        sys.exit(int(error.exit_code))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="folder for what verify writes")
    return parser.parse_args()


def _play(reports: Path) -> None:
    began = time.monotonic()
    _heading("Each establishment is one YAML file")
    _run("vaguemestre validate")
    _heading("Bare Debian hosts boot: systemd, sshd, nothing else")
    _run("vaguemestre lab up")
    _heading("The files become two operators")
    _run("vaguemestre apply")
    _heading("Two doctors get a mailbox")
    camille, dominique = _mailbox(CAMILLE), _mailbox(DOMINIQUE)
    _heading("The one writes to the other, and to somebody outside the trust space")
    message = _letter(camille, dominique)
    refusal = _refused(camille)
    _heading("Peers that national audits try: proven, in clear, revoked, right name in a wrong DN; both ways")
    _run("vaguemestre audit-trust " + " ".join(f"--case {case}" for case in CASES))
    _heading("Are both what they must be? Asked from outside, by real mail")
    _run(f"vaguemestre verify --reports {shlex.quote(str(reports))}")
    _end(message, refusal, reports, time.monotonic() - began)


_step = 0


def _heading(text: str) -> None:
    global _step
    _step += 1
    console.print()
    console.print(Rule(f"[bold]{_step}. {text}", align="left"))


def _run(command: str) -> None:
    """Type a command as an administrator would, and let it speak for itself."""
    console.print(f"[dim]$[/] [bold cyan]{command}")
    executable = [sys.executable, "-m", "vaguemestre", *shlex.split(command)[1:]]
    if subprocess.run(executable, check=False).returncode:
        raise DemoError(f"`{command}` failed; the lab is still up: `vaguemestre lab status`, `vaguemestre lab down`")


def _mailbox(doctor: Doctor) -> Correspondent:
    """Add the doctor's mailbox (or give it a new password when it is there already)."""
    site = _site(doctor.establishment)
    address = f"{doctor.local_part}@{site.domain}"
    who = f'--type PER --name "{doctor.name}" --rpps {doctor.rpps} --redlist {doctor.redlist}'
    add = f"vaguemestre mailbox add {address} {who}"
    console.print(f"[dim]$[/] [bold cyan]{add}")
    answer = _json(add)
    if answer.get("result") == "unchanged":
        answer = _json(f"vaguemestre mailbox passwd {address}")
    console.print(f"{doctor.name} has {address}, with a password that is shown to the doctor once")
    return Correspondent(address, answer["password"], site.host.name, site.ip, site.anchors)


def _json(command: str) -> dict[str, str]:
    executable = [sys.executable, "-m", "vaguemestre", *shlex.split(command)[1:], "--json"]
    ran = subprocess.run(executable, check=False, capture_output=True, text=True)
    if ran.returncode:
        raise DemoError(f"`{command}` failed:\n{ran.stderr.strip()}")
    return dict(json.loads(ran.stdout))


def _site(slug: str) -> Site:
    return next(site for site in sites(inventory.load()) if site.establishment.slug == slug)


def _letter(sender: Correspondent, recipient: Correspondent) -> EmailMessage:
    began, began_at = time.monotonic(), time.time()
    message_id = sender.send(recipient.address, SUBJECT, BODY)
    message = recipient.wait_for(message_id)
    shown = Table.grid(padding=(0, 2))
    for header in ("From", "To", "Subject", "Date"):
        shown.add_row(f"[bold]{header}", message[header])
    shown.add_row("[bold]Proved by", _proof(sender, recipient, began_at))
    shown.add_row("", f"\n{message.get_content().strip()}")
    seconds = time.monotonic() - began
    console.print(Panel(shown, title=f"read by IMAP at {recipient.host}, {seconds:.1f} s after it was sent"))
    return message


def _proof(sender: Correspondent, recipient: Correspondent, since: float) -> str:
    """Whose certificate the receiving operator proved for the sender's domain, from its trust daemon's journal."""
    from vaguemestre.engines import pyinfra

    command = f"sudo -n journalctl -q -o cat --since @{since - 5:.0f} -u vaguemestre-trust"
    ran = pyinfra.run(inventory.load(), [recipient.host], command)[recipient.host]
    lines = ran.stdout.decode().splitlines() if isinstance(ran, Ran) else []
    decisions = [json.loads(line) for line in lines if '"verdict":"accepted"' in line and sender.domain in line]
    return next((one["dn"] for one in decisions if "dn" in one), "(no decision found)")


def _refused(sender: Correspondent) -> str:
    try:
        sender.send(OUTSIDE, SUBJECT)
    except smtplib.SMTPRecipientsRefused as refused:
        code, text = refused.recipients[OUTSIDE]
        refusal = f"{code} {text.decode(errors='replace')}"
    else:
        raise DemoError(f"a message to {OUTSIDE}, outside the trust space, was accepted")
    console.print(Panel(refusal, title=f"the answer to a message for {OUTSIDE}", border_style="yellow"))
    return refusal


def _end(message: EmailMessage, refusal: str, reports: Path, seconds: float) -> None:
    text = f"""\
[green]✓[/] {message["From"]} wrote to {message["To"]}: arrived, each operator proven to the other by certificate
[green]✓[/] mail to the outside is refused, with {refusal[:9]} and a text that says why
[green]✓[/] peers without TLS, with a revoked certificate or one of another DN are refused, both ways
[green]✓[/] {count(read_junit(reports / "verification.xml"))}: {reports}/verification.txt

Two operators are running, [bold]{seconds / 60:.1f} minutes[/] after the first command. Look around:
  [cyan]vaguemestre status[/]                  what is live on each host
  [cyan]vaguemestre plan[/]                    change a file under inventories/lab, see what would change
  [cyan]vaguemestre trust show[/]              the white list and the revocation lists that each host holds
  [cyan]vaguemestre audit-trust[/]             all cases of the audit
  [cyan]vaguemestre lab shell mail.ch-lens.mssante.test[/]   a shell on a host
  [cyan]vaguemestre lab down[/]                take it all away again
The commands are in .venv/bin; README.md says how to go on to a real host."""
    console.print()
    console.print(Panel(text, title="[bold]Vaguemestre", border_style="green", padding=(1, 2)))


if __name__ == "__main__":
    main()
