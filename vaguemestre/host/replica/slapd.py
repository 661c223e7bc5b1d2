"""This host's slapd: begun with the root of the tree alone, and begun anew when it must forget our mailboxes.

Forgetting is a file that stands: slapd's unit looks for it before each start (ExecStartPre), so a run that was killed
in between is finished by the next start.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from vaguemestre.host.mailboxes.store import SUFFIX
from vaguemestre.host.replica.layout import FORGET, STATE, Settings

_DATA = "data.mdb"
_ROOT = f"dn: {SUFFIX}\nobjectClass: organization\no: {SUFFIX.partition('=')[2]}\n"
_SECONDS = 120


def prepare(settings: Settings, state: Path = STATE) -> bool:
    """Before slapd starts: the root of the tree in an empty database, and an empty one where ours are to be forgotten.

    Without a root that is a real entry, a search from there ends before it comes to the nation's branch. Says whether
    anything was done.

    Raises:
        OSError, subprocess.CalledProcessError: slapadd(8) refuses.
    """
    if (state / FORGET).exists():
        _emptied(settings.database)
    if (settings.database / _DATA).exists():
        return False
    try:
        _begin(settings)
    except BaseException:
        _emptied(settings.database)  # half a database would look like one
        raise
    (state / FORGET).unlink(missing_ok=True)
    return True


def forget(state: Path = STATE) -> None:
    """Begin slapd anew without a mailbox of ours; what the provider still shows comes back as soon as it answers.

    Raises:
        OSError, subprocess.CalledProcessError: slapd did not come back.
    """
    (state / FORGET).touch(mode=0o600)
    subprocess.run(["/usr/bin/systemctl", "restart", "slapd.service"], check=True, timeout=_SECONDS)


def _begin(settings: Settings) -> None:
    subprocess.run(
        ["/usr/sbin/slapadd", "-f", str(settings.configuration), "-b", SUFFIX],
        input=_ROOT.encode(),
        user="openldap",
        group="openldap",
        extra_groups=(),
        check=True,
        timeout=_SECONDS,
    )


def _emptied(database: Path) -> None:
    for path in database.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
