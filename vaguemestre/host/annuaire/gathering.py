"""The mailboxes of an extraction, each once, for whoever loads them: a second pass over a file that was examined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator

from vaguemestre.host.annuaire.line import Line, Row
from vaguemestre.host.annuaire.mailbox import NationalMailbox, merged


def mailboxes(
    lines: Iterable[Line | Row], several: Container[str], wanted: Container[str] | None = None
) -> Iterator[NationalMailbox]:
    """The mailboxes of these lines, all or those whose address is `wanted`.

    `several` are the addresses found on several lines (`Findings.merged`): few, so only they are held until the end of
    the file, and come last. An address that is in neither is given as it comes.
    """
    held: defaultdict[str, list[NationalMailbox]] = defaultdict(list)
    for line in lines:
        if wanted is not None and line.address not in wanted:
            continue
        if line.address in several:
            held[line.address].append(line.mailbox)
        else:
            yield line.mailbox
    yield from map(merged, held.values())
