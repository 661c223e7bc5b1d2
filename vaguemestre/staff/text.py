"""The text of a file. Its encoding is known or the file is refused: a wrong guess would publish broken names."""

from __future__ import annotations

import codecs
from pathlib import Path

from vaguemestre.staff.errors import refuse

LARGEST = 64 * 1024 * 1024  # bytes; a list of 100,000 people has 20 MB

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def read(file: Path, encoding: str) -> str:
    """The text in `file`. A byte order mark decides (Excel, csvde -u, ldifde -u); without one, `encoding` does.

    Raises:
        StaffFileError: not readable, too large, or not in that encoding.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        refuse(file, 1, "(file)", f"cannot be read: {error.strerror}", "check the path and its permissions")
    if len(data) > LARGEST:
        refuse(file, 1, "(file)", "is larger than 64 MiB", "a list of staff is not so large; is it the right file?")
    return decoded(file, data, encoding)


def decoded(file: Path, data: bytes, encoding: str) -> str:
    """The text of these bytes; raises as `read`."""
    mark, chosen = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", encoding))
    try:
        return data.removeprefix(mark).decode(chosen)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        refuse(file, line, "(file)", *_undecodable(data, chosen, marked=bool(mark)))


def _undecodable(data: bytes, chosen: str, *, marked: bool) -> tuple[str, str]:
    """What is wrong and the way out; a file pasted together from several programs has both kinds of lines."""
    if chosen != "utf-8" or marked:
        return f"is not {chosen} from here on", "save it as UTF-8"
    accented = [line for line in data.split(b"\n") if not line.isascii()]
    broken = sum(not _decodes(line) for line in accented)
    if broken == len(accented):
        way_out = "save it as UTF-8, or write `mailboxes.import.encoding: cp1252` if it comes from Windows as it is"
        return "is not utf-8 from here on", way_out
    wrong = f"is not utf-8, nor are {broken - 1} lines below, while {len(accented) - broken} are: encodings are mixed"
    return wrong, "export it anew from one program; a guess would publish broken names"


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def twice_encoded(text: str) -> bool:
    """Whether UTF-8 was read as Windows' or Latin letters somewhere on its way here (Ã© for é)."""
    for encoding in ("cp1252", "latin-1"):
        try:
            if text.encode(encoding).decode("utf-8") != text:
                return True
        except UnicodeError:
            continue
    return "\ufffd" in text
