"""The second room of role dovecot: once a day, the mail of purged mailboxes is removed from this host."""

from __future__ import annotations

from collections.abc import Iterator

from vaguemestre import runtime
from vaguemestre.release import Item, Unit
from vaguemestre.render import file

NAME = "vaguemestre-mail-purge"


def items(store: str) -> Iterator[Item]:
    """The timer and its service, which sees nothing of the disk to write on but the mail store."""
    service = file("dovecot", f"/etc/systemd/system/{NAME}.service", runtime=runtime.PATH, store=store)
    timer = file("dovecot", f"/etc/systemd/system/{NAME}.timer")
    yield from (service, timer)
    yield Unit(f"{NAME}.timer", inputs=(timer.path, service.path))
