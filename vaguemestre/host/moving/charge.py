"""In whose charge a domain is: remembered on the disk, and told to Postfix and to the trust daemon.

Whatever is killed in between, the tables say at most that mail must wait: they are written before it is remembered that
a domain is away, and after it is forgotten.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from vaguemestre.host.moving.layout import STATE, Charge, Way

_DAEMONS = ("vaguemestre-trust.service",)
_LATER = "451 4.3.2 Ce domaine change de serveur, reessayez / this domain is moving to another server, try again"
_WAITS = "retry:4.3.2 the domain is moving to another server"


def tell(away: Mapping[str, Way], deferred: Iterable[str] = (), root: Path = STATE) -> None:
    """Write both tables: `deferred` are domains that take nothing more from outside, though they are still here.

    Raises:
        OSError: the disk refuses; the tables are as they were.
    """
    closed = sorted({*away, *deferred})
    _write(root / "recipients", "".join(f"{_pattern(domain)} {_LATER}\n" for domain in closed))
    _write(root / "routes", "".join(f"{_pattern(domain)} {_route(domain, way)}\n" for domain, way in away.items()))


def remember(charge: Charge, root: Path = STATE) -> None:
    """Raises OSError when the disk refuses; what was remembered stays."""
    away = {domain: way.value for domain, way in sorted(charge.away.items())}
    plain = {"away": away, "here": sorted(charge.here)}
    _write(root / "state.json", json.dumps(plain, indent=2) + "\n")


def heed(*, trust: bool = True) -> None:
    """Have the daemons read it, where they run. The trust daemon's sockets hold connections meanwhile."""
    _do("/usr/sbin/postfix", "reload")
    if trust:
        _do("/bin/systemctl", "try-restart", *_DAEMONS)


def way(domain: str, hosts: Iterable[str]) -> Way:
    """Mail follows DNS once DNS names none of our hosts; before, it would come back to us (RFC 5321 section 5.1)."""
    import dns.exception
    import dns.resolver

    try:
        found = dns.resolver.resolve(domain, "MX", lifetime=10)
    except dns.exception.DNSException:
        return Way.HELD
    named = {str(record.exchange).rstrip(".").lower() for record in found}
    return Way.HELD if not named or named & {host.lower() for host in hosts} else Way.MX


def _route(domain: str, way: Way) -> str:
    return f"smtp:{domain}" if way is Way.MX else _WAITS


def _pattern(domain: str) -> str:
    return f"/@{domain.replace('.', '[.]')}$/"


def _do(*argv: str) -> None:
    subprocess.run(argv, capture_output=True, timeout=60, check=False)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)
    draft.replace(path)
