"""Role postfix, further room: domains that move between this stack and another (`vaguemestre move`).

Which of the two is in charge of a domain is a fact of the moment, not of the inventory: it is kept on the host, in two
tables that Postfix reads before its own. Without a move there is nothing of this on a host.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.establishment import Establishment
from vaguemestre.host.moving.layout import RECIPIENTS, ROUTES, SETTINGS, STATE
from vaguemestre.release import Directory, File, Item, Unit
from vaguemestre.render import file

UNIT = "vaguemestre-moving.service"


def moving(context: Context) -> tuple[Establishment, ...]:
    """The served establishments that come from another stack, or go to one."""
    return tuple(one for one in context.served if one.moving_from)


def items(context: Context) -> Iterator[Item]:
    """The settings, the folder, and what writes the tables before Postfix reads them first."""
    if not moving(context):
        return
    known = File(str(SETTINGS), (json.dumps(settings(context), indent=2) + "\n").encode())
    service = file("postfix", f"/etc/systemd/system/{UNIT}", runtime=runtime.PATH)
    yield Directory(str(STATE), mode=0o755)
    yield from (known, service)
    yield Unit(UNIT, inputs=(known.path, service.path))


def settings(context: Context) -> dict[str, object]:
    """What the verb `moving` must know; read by `vaguemestre.host.moving.layout`."""
    own = context.establishment.slug
    leaving = [one for one in moving(context) if one.moving_from == own]
    arriving = [one for one in moving(context) if one.moving_from != own]
    return {
        "arriving": [domain.name for one in arriving for domain in one.domains],
        "leaving": [domain.name for one in leaving for domain in one.domains],
        "hosts": [host.name for host in context.establishment.hosts],
    }


def routes(context: Context) -> tuple[str, ...]:
    """Where mail for such a domain goes, before all else that says so (transport(5)); its addresses count as known."""
    return (f"regexp:{ROUTES}",) if moving(context) else ()


def deferred(context: Context) -> tuple[str, ...]:
    """Restrictions of port 25 that come first: whoever brings mail for a domain that is elsewhere is to come again."""
    return (f"check_recipient_access regexp:{RECIPIENTS}",) if moving(context) else ()
