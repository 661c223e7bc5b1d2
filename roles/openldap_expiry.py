"""A room of role openldap: once a day, what has ended long enough ago goes on to its next state."""

from __future__ import annotations

from collections.abc import Iterator

from vaguemestre import runtime
from vaguemestre.release import Item, Unit
from vaguemestre.render import file

NAME = "vaguemestre-mailboxes-expire"


def items() -> Iterator[Item]:
    """The timer and its service; only for a host whose directory is written to."""
    service = file("openldap", f"/etc/systemd/system/{NAME}.service", runtime=runtime.PATH)
    timer = file("openldap", f"/etc/systemd/system/{NAME}.timer")
    yield from (service, timer)
    # The service runs when the timer says so; it is read anew each time.
    yield Unit(f"{NAME}.timer", inputs=(timer.path, service.path))
