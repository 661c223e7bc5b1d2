"""`vaguemestre directory`: the national directory (annuaire), from a file, and as hosts hold it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.directory_search import search
from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.cli.replicas import replicas
from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vaguemestre.host.annuaire.inspection import Inspection
    from vaguemestre.verbs.directory import Answers

    OnRead = Callable[[str, int, int], None]

app = typer.Typer(
    no_args_is_help=True,
    help="The national directory (annuaire): who has a mailbox in the trust space. The nation publishes it once a day "
    "as one file, the extraction.",
)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all of them.")
]

_NEW, _HELD = "new", "held"
_NEW_DIGEST = "make the digest anew with --keep, or compare with the extraction itself"
_NEW_DOWNLOAD = "download it again; published it is a zip archive with one text of 31 columns, its header first"


class DirectoryError(VaguemestreError):
    """A file cannot be used at all; the message names it, says what is wrong and the way out."""

    exit_code = Exit.INVALID


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The extraction, zipped as published or as plain text.")],
    against: Annotated[
        Path | None, typer.Option(help="What it would replace: an earlier extraction, or a digest kept of one.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the digest here, to compare later files with: addresses and hashes.")
    ] = None,
    at_least: Annotated[int, typer.Option(min=1, help="Refuse a file with fewer mailboxes.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Tell what is in an extraction of the national directory and what is wrong with it. No host is contacted.

    Counted: mailboxes by type, domains, addresses on several lines, lines that cannot be used and why. With --against,
    also what would be added, changed and removed, and whether the guard would hold it back until a person has looked:
    a sync that deletes when its source shrank is the classic disaster.

    Entries are personal data: lines are named by number, and only domains of more than 20 mailboxes by name.

    Example: vaguemestre directory check Extraction_Correspondance_MSSante_202610100513.zip --against yesterday.zip

    Exit code 0: it could be used. 1: it would be refused or held back. 2: it cannot be read at all.
    """
    from vaguemestre.cli.extractions import as_data, reading_shown, told

    with tempfile.TemporaryDirectory(prefix="vaguemestre-") as scratch, reading_shown(quiet=as_json) as on_read:
        found = _inspected(file, against, at_least, Path(scratch), on_read)
        if keep and not found.unfit:
            _keep(Path(scratch) / _NEW, keep)
    typer.echo(json.dumps(as_data(file, found), indent=2, ensure_ascii=False) if as_json else told(file, found))
    raise typer.Exit(Exit.FAILED if found.refused else Exit.OK)


@app.command()
def show(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show what each host holds of the national directory, how old it is, and what waits for approval and why.

    The nation publishes daily. When it is silent the directory stays as it is, and nobody is removed: an alarm tells
    of it after two days, a louder one after ten.

    Exit codes: 0 all is well, 3 something waits or an alarm stands, 1 a host failed, 4 a host could not be reached.
    """
    _ask(inventory, names, ["show"], as_json)


@app.command()
def refresh(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Have the hosts ask the nation for a new extraction now, instead of when it is due, and apply it.

    Hosts ask by themselves, hourly; what is not new is not fetched again. The first load of half a million mailboxes
    takes some minutes, and restarts the hosts' slapd once.

    Exit codes: 0 done, or nothing new; 3 what came is held back, see show; 1 a source or a host failed.
    """
    typer.echo("Asking; a whole new extraction takes a minute, a first load some.", err=True)
    _ask(inventory, names, ["refresh", "--now"], as_json)


@app.command()
def approve(
    names: Names = None,
    digest: Annotated[
        str,
        typer.Option(help="SHA-256 of the extraction that was looked at, or its first 8 characters; see show."),
    ] = "",
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Take the extraction that is held back, this one and this once; who did it is in the history.

    Without --digest, what it would change is shown and asked about first. What is no use at all (no extraction, fewer
    mailboxes than settings.directory.guard.at_least, older than what is held) never waits here.

    Example: vaguemestre directory approve --digest 3d07de2f37de64d6
    """
    from vaguemestre.inventory import load
    from vaguemestre.verbs import directory

    fleet, chosen = load(inventory), tuple(names or ())
    if not digest:
        digest, chosen = _looked_at(directory.ask(fleet, chosen, ["show"]))
    _say(directory.approve(fleet, chosen, digest), as_json)


@app.command()
def history(
    names: Names = None,
    last: Annotated[int, typer.Option(min=1, help="So many events.")] = 30,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened: extractions taken, applied, held back, approved; sources that fail and recover."""
    _ask(inventory, names, ["history", f"--last={last}"], as_json)


app.command()(replicas)
app.command()(search)


def _ask(inventory: Path | None, names: list[str] | None, arguments: list[str], as_json: bool) -> None:
    from vaguemestre.inventory import load
    from vaguemestre.verbs import directory

    _say(directory.ask(load(inventory), tuple(names or ()), arguments), as_json)


def _say(answers: Answers, as_json: bool) -> None:
    """By host; then end with the worst of their codes."""
    from vaguemestre.cli.directory_tables import print_answers

    typer.echo(json.dumps(answers.plain(), ensure_ascii=False, indent=2)) if as_json else print_answers(answers)
    raise typer.Exit(answers.code)


def _looked_at(shown: Answers) -> tuple[str, tuple[str, ...]]:
    """The extraction that waits and on which hosts, once a person has seen what it changes and agreed."""
    from vaguemestre.cli.directory_tables import print_answers
    from vaguemestre.verbs import directory

    digest, hosts = directory.waiting(shown)
    if not sys.stdin.isatty():
        raise directory.DirectoryError(
            f"nobody is here to look at it\n    name the extraction that was looked at: --digest {digest[:16]}"
        )
    print_answers(shown)
    typer.confirm(f"Take the extraction {digest[:16]} on {', '.join(hosts)}?", abort=True)
    return digest, hosts


def _inspected(file: Path, against: Path | None, at_least: int, scratch: Path, on_read: OnRead) -> Inspection:
    from vaguemestre.host.annuaire.examination import Limits as FileLimits
    from vaguemestre.host.annuaire.inspection import Limits, inspect

    def inspected(path: Path, name: str, held: Path | None, least: int = 1) -> Inspection:
        def progress(done: int, size: int) -> None:
            on_read(path.name, done, size)

        return inspect(path, scratch / name, held, Limits(FileLimits(least)), progress=progress)

    held = against
    if against:
        with _naming(against):
            held = _digest_of(against, lambda path: inspected(path, _HELD, None)) or scratch / _HELD
    with _naming(file, against):
        return inspected(file, _NEW, held, at_least)


def _digest_of(path: Path, inspect: Callable[[Path], object]) -> Path | None:
    """The file itself when it is a digest; else None, and its digest was made."""
    from vaguemestre.host.annuaire import digest

    if digest.is_digest(path):
        digest.facts(path)
        return path
    inspect(path)
    return None


@contextmanager
def _naming(file: Path, held: Path | None = None) -> Iterator[None]:
    """Errors name the file that is wrong."""
    from vaguemestre.host.annuaire.digest import DigestError
    from vaguemestre.host.annuaire.source import ExtractionError

    try:
        yield
    except DigestError as error:
        raise DirectoryError(f"{held or file}: {error}\n    {_NEW_DIGEST}") from error
    except ExtractionError as error:
        raise DirectoryError(f"{file}: {error}\n    {_NEW_DOWNLOAD}") from error
    except OSError as error:
        raise DirectoryError(f"{error.filename or file}: {error.strerror or error}") from error


def _keep(new: Path, place: Path) -> None:
    """Whole or not at all, whatever file system it is on."""
    begun = place.with_name(f".new-{place.name}")
    with _naming(place):
        shutil.copy(new, begun)  # with its mode: nobody else reads it
        begun.replace(place)
