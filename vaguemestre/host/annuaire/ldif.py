"""The whole branch of national mailboxes as LDIF (RFC 2849), for slapadd(8). Pure.

Lines are not folded: slapadd takes them of any length.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator

from vaguemestre.host.annuaire.entry import Attributes, dn
from vaguemestre.host.mailboxes.store import NATIONAL

_SAFE = re.compile(r"[\x01-\x09\x0b\x0c\x0e-\x1f\x21-\x39\x3b\x3d-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )\Z")


def whole(mark: str, entries: Iterable[Attributes]) -> Iterator[str]:
    """The branch's own entry, which says what it holds, then these; each with the blank line after it."""
    name = NATIONAL.partition(",")[0].partition("=")[2]
    yield record(NATIONAL, {"objectClass": ["organizationalUnit"], "ou": [name], "description": [mark]})
    for entry in entries:
        yield record(dn(entry["mail"][0]), entry)


def record(name: str, attributes: Attributes) -> str:
    """One entry."""
    safe = _SAFE.match
    lines = [f"dn: {name}" if safe(name) else _encoded("dn", name)]
    for attribute, texts in attributes.items():
        for one in texts:
            lines.append(f"{attribute}: {one}" if safe(one) else _encoded(attribute, one))
    return "\n".join(lines) + "\n\n"


def _encoded(attribute: str, text: str) -> str:
    return f"{attribute}:: {b2a_base64(text.encode(), newline=False).decode()}"
