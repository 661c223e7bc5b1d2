"""A report as a file: one HTML page that loads nothing, the same on paper, and its signature beside it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile

from vaguemestre import render
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet
from vaguemestre.reports.overview import Stood, overview
from vaguemestre.reports.page import Subject, page
from vaguemestre.reports.wording import Language
from vaguemestre.verbs.signing import Pen

SIGNATURE = ".p7s"
_PANGO = """a PDF cannot be made here: {reason}
    on Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core
    or make the HTML file (--html) and print it from a browser"""


class DocumentError(VaguemestreError):
    """The file cannot be made or written; nothing was signed."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Written:
    """A document and its signature; None: it is not signed."""

    document: Path
    signature: Path | None


def html(subject: Subject, languages: Sequence[Language], file: str, anchors: str) -> str:
    """The report as one page; `file` and `anchors` are the names in the command that checks its signature.

    Raises:
        ReleaseError: a template of the kit is wrong.
    """
    others = _others(languages)
    pages = [page(subject, one, others.get(one, "")) for one in languages]
    names = {"file": file, "signature": file + SIGNATURE, "anchors": anchors}
    quoted = {name: shlex.quote(value) for name, value in names.items()}
    return render.page("report/establishment.html.j2", pages=pages, first=pages[0], **quoted)


def fleet_html(fleet: Fleet, stood: Sequence[Stood], languages: Sequence[Language]) -> str:
    """The overview of a fleet as one page.

    Raises:
        ReleaseError: a template of the kit is wrong.
    """
    now, kit, lab = datetime.now(UTC), version("vaguemestre"), fleet.settings.lab is not None
    others = _others(languages)
    pages = [overview(stood, one, now, kit, other=others.get(one, ""), rehearsal=lab) for one in languages]
    return render.page("report/fleet.html.j2", pages=pages, first=pages[0])


def _others(languages: Sequence[Language]) -> dict[Language, Language]:
    """For each language the one that the same file holds too."""
    return {languages[0]: languages[-1], languages[-1]: languages[0]} if len(languages) > 1 else {}


def pdf(page: str) -> bytes:
    """An HTML page on paper (A4, WeasyPrint); nothing that it might name is loaded.

    Raises:
        DocumentError: a library that draws text is not installed.
    """
    try:
        import weasyprint
    except OSError as error:  # ctypes does not find pango
        raise DocumentError(_PANGO.format(reason=str(error).splitlines()[0])) from error
    fetcher = weasyprint.URLFetcher(allowed_protocols=())
    made = weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf(pdf_tags=True)
    return bytes(made)


def write(path: Path, content: bytes, pen: Pen | None) -> Written:
    """The file, and beside it the signature of these very bytes; both whole, or neither new.

    Raises:
        SigningError: the host did not sign; nothing was written.
        DocumentError: it cannot be written there.
    """
    signature = pen.sign(content) if pen else None
    beside = path.with_name(path.name + SIGNATURE)
    _put(path, content)
    if signature is None:
        beside.unlink(missing_ok=True)  # that of an earlier report would be wrong for this one
        return Written(path, None)
    _put(beside, signature)
    return Written(path, beside)


def _put(path: Path, content: bytes) -> None:
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise DocumentError(f"{path}: cannot be written: {error.strerror}") from error
