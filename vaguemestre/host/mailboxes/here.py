"""What commands about mailboxes share on a host: its settings, the time, passwords, open sessions."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from vaguemestre.host.mailboxes.bal import Refused, Site
from vaguemestre.host.mailboxes.store import SETTINGS, StoreError
from vaguemestre.host.moving import layout as moving

_LETTERS = "abcdefghijkmnopqrstuvwxyz23456789"  # no l, 1, 0: people copy these by hand
SHORTEST = 12  # characters of a password that somebody chose


def site() -> Site:
    return Site.of(json.loads(Path(SETTINGS).read_text()))


def in_charge(address: str) -> None:
    """Raises Refused when another stack is in charge of the address's domain: what is done here would be lost."""
    domain = address.strip().lower().rpartition("@")[2]
    if domain in moving.elsewhere():
        raise Refused(f"{domain} is in another stack's charge: it is moving, or has moved\n    vaguemestre move --help")


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%d%H%M%SZ")  # noqa: UP017 - the same words on every Python 3


def generated() -> str:
    """A password of 100 bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def password(*, from_stdin: bool) -> tuple[str, dict[str, str]]:
    """A password, and what to show of it: one made here is shown this once, a chosen one never."""
    if not from_stdin:
        made = generated()
        return made, {"password": made}
    chosen = sys.stdin.readline().rstrip("\r\n")
    if len(chosen) < SHORTEST:
        raise Refused(f"this password is too short: at least {SHORTEST} characters")
    return chosen, {}


def end_sessions(address: str) -> None:
    """Who is logged in stays so until told otherwise. Dovecot being down means that nobody is.

    Raises:
        StoreError: Dovecot gives no answer, so somebody may still be reading.
    """
    try:
        subprocess.run(["/usr/bin/doveadm", "kick", address], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired as error:
        raise StoreError(
            f"{address}: nobody can log in any more, but Dovecot did not end the sessions that are open\n"
            f"    on the host: doveadm kick {address}"
        ) from error
