"""What the tests of the refresh ask a host, and the times they count in."""

from __future__ import annotations

from trust_nation import HOUR, Host, dn, lines

from vaguemestre.host.trust.values import Standing
from vaguemestre.lab.listing import Line

DAY = 24 * HOUR
HALF = HOUR / 2
ISSUING = "etab-1.mssante.test"


def events(one: Host) -> list[str]:
    return [event["event"] for event in one.trust("history")[1]["events"]]


def asked(one: Host, url: str) -> int:
    return sum(request.url == url for request in one.world.asked)


def standing(one: Host, serial: int) -> Standing:
    (known,) = one.revocations.known()
    return one.revocations.standing(known.issuer, serial, one.now)


def moved(number: int) -> list[Line]:
    """Operator 1's domains have operator 12's certificate beside their own: both are valid at once."""
    return [*lines(100), *(Line(f"etab-{one}.mssante.test", dn(12)) for one in range(number))]
