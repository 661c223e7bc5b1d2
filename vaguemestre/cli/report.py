"""`vaguemestre report`: what was verified, as a document that can be handed over."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vaguemestre.cli.board import LOG_WIDTH
from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vaguemestre.establishment import Fleet
    from vaguemestre.reports.overview import Stood
    from vaguemestre.reports.page import Page, Subject
    from vaguemestre.reports.wording import Language
    from vaguemestre.verbs.signing import Pen
    from vaguemestre.verify.site import Site


class WhatError(VaguemestreError):
    """The options do not say what is wanted."""

    exit_code = Exit.INVALID


class Lang(StrEnum):
    """Languages of a document."""

    BOTH = "both"
    FR = "fr"
    EN = "en"


def report(
    establishment: Annotated[str | None, typer.Argument(metavar="ESTABLISHMENT", help="Whom it is about.")] = None,
    inventory: Inventory = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write one HTML page.")] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write it as PDF.")] = None,
    lang: Annotated[Lang, typer.Option(help="Languages of the document; both: French, then English.")] = Lang.BOTH,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Do not sign, and say so; no host is asked.")] = False,
    check: Annotated[Path | None, typer.Option(metavar="FILE", help="Check the signature of a document.")] = None,
    fleet: Annotated[bool, typer.Option("--fleet", help="Where each establishment stands, on one page.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a document of the last verification, requirement by requirement, signed by the establishment's host.

    It stands on what `vaguemestre verify` and `vaguemestre audit-trust` last found and kept; a requirement that nothing
    has proven there is never shown as proven. HTML and PDF are files of their own that load nothing. The key that signs
    never leaves the host; the signature is FILE.p7s, beside the file.

    With --fleet it is the agency's overview: counts, a map of France, regions, waves, and each establishment with since
    when it has joined, waits or has failed, by the last verification, rollout and audit on record. No host is asked.

    With --check it says who signed a document and when, or that it is not what was signed.

    Exit code 0: done. 1: the host could not sign, or a signature is wrong. 2: nothing to report on, or a file cannot be
    written. 4: the host that signs cannot be reached.
    """
    from vaguemestre import inventory as door

    found = door.load(inventory)
    if check:
        _checked(found, check, establishment)
    elif fleet:
        _overview(found, {"html": html, "pdf": pdf}, _languages(lang), as_json=as_json)
    elif establishment is None:
        raise WhatError("name an establishment, or ask for all by --fleet\n    vaguemestre report --help")
    else:
        _made(found, establishment, {"html": html, "pdf": pdf}, lang, unsigned=unsigned, as_json=as_json)


def _made(fleet: Fleet, slug: str, files: dict[str, Path | None], lang: Lang, *, unsigned: bool, as_json: bool) -> None:
    from vaguemestre.reports import gathering
    from vaguemestre.verbs.signing import Pen

    site = gathering.site(fleet, slug)
    wanted = {kind: path for kind, path in files.items() if path}
    pen = Pen(fleet, site.host.name) if wanted and not unsigned else None
    subject = gathering.subject(fleet, site, pen)
    for kind, path in wanted.items():
        _write(kind, path, subject, site, pen, _languages(lang))
    if as_json:
        _print_json(subject)
    elif not wanted:
        _show(subject, "en" if lang is not Lang.FR else "fr")


def _write(
    kind: str, path: Path, subject: Subject, site: Site, pen: Pen | None, languages: tuple[Language, ...]
) -> None:
    from vaguemestre.reports import document

    page = document.html(subject, languages, path.name, site.settings.trust.anchors.name)
    if kind == "pdf":
        typer.echo(f"setting {path.name} in pages, some seconds", err=True)
    made = document.write(path, document.pdf(page) if kind == "pdf" else page.encode(), pen)
    typer.echo(f"wrote {made.document}" + (f" and its signature {made.signature}" if made.signature else ", unsigned"))


def _languages(lang: Lang) -> tuple[Language, ...]:
    return ("fr", "en") if lang is Lang.BOTH else ("fr" if lang is Lang.FR else "en",)


def _overview(fleet: Fleet, files: dict[str, Path | None], languages: tuple[Language, ...], *, as_json: bool) -> None:
    """Of all establishments; unsigned: it is the agency's own page."""
    from vaguemestre.reports import document
    from vaguemestre.reports.fleet import plain, stood

    found = stood(fleet)
    for kind, path in files.items():
        if path:
            page = document.fleet_html(fleet, found, languages)
            document.write(path, document.pdf(page) if kind == "pdf" else page.encode(), None)
            typer.echo(f"wrote {path}")
    if as_json:
        typer.echo(json.dumps(plain(found), indent=2, ensure_ascii=False))
    elif not any(files.values()):
        _show_fleet(found)


def _show_fleet(found: Sequence[Stood]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False, markup=False)
    table = Table("establishment", "wave", "stands", "since", "reason", box=None)
    for one, stand, _ in found:
        since = f"{stand.since:%Y-%m-%d %H:%M}" if stand.since else ""
        table.add_row(one.slug, str(one.wave), stand.place.value, since, Text(stand.why.en))
    console.print(table)


def _checked(fleet: Fleet, document: Path, slug: str | None) -> None:
    from datetime import UTC, datetime

    from vaguemestre.reports import gathering, signature
    from vaguemestre.reports.document import SIGNATURE

    anchors = fleet.root / fleet.settings.trust.anchors
    signed = signature.check(document, document.with_name(document.name + SIGNATURE), anchors)
    served = gathering.signs(fleet, signed, slug)
    typer.echo(f"{document}: signed {signed.at:%Y-%m-%d %H:%M} UTC by {signed.signer.name}, unchanged since")
    typer.echo(f"    {signed.signer.subject}")
    typer.echo(f"    the host that serves {', '.join(one.name for one in served)}")
    if signed.expired(datetime.now(UTC)):
        typer.echo(f"    its certificate ended since, on {signed.signer.ends:%Y-%m-%d}")


def _print_json(subject: Subject) -> None:
    from vaguemestre.reports.plain import plain

    typer.echo(json.dumps(plain(subject), indent=2, ensure_ascii=False))


def _show(subject: Subject, language: Language) -> None:
    from rich.console import Console
    from rich.table import Table

    from vaguemestre.reports.page import page

    made: Page = page(subject, language)
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False, markup=False)
    console.print(f"{made.title}: " + ", ".join(f"{one.count} {one.text.lower()}" for one in made.counts))
    for warning in made.warnings:
        console.print(f"  {warning}")
    table = Table("#", made.words["requirement"], made.words["verdict"], made.words["lacks"], box=None)
    for row in made.missing:
        table.add_row(str(row.number), Text(row.title), Text(row.badge.text), Text(row.trouble))
    console.print(table)
