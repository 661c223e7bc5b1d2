"""Runs in a lab guest, as root, with Python alone: the national directory loaded and brought up to date, measured.

`python3 refreshing.py FOLDER FIRST NEXT`: two extractions, a day apart, below FOLDER. Prints one JSON object. What is
held on the host is thrown away; slapd is the host's own.
"""

from __future__ import annotations

import json
import os
import pwd
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HOST = "/usr/lib/vaguemestre/host.pyz"
ANNUAIRE = ("python3", "-I", HOST, "annuaire")
STATE = Path("/var/lib/vaguemestre-annuaire")
TAKE = f"""
import shutil, sys
sys.path.insert(0, {HOST!r})
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from vaguemestre.host.annuaire import state
from vaguemestre.host.annuaire.inspection import Limits, inspect
from vaguemestre.host.annuaire.layout import Places
places, known = Places(Path({str(STATE)!r})), state.State(load=True)
places.begun.mkdir(mode=0o700, parents=True, exist_ok=True)
places.lock.touch()  # before root does: on a host that has never asked its source
file = places.begun / Path(sys.argv[1]).name
shutil.copy(sys.argv[1], file)
held = None
if sys.argv[2] == "next":
    known = state.load(places)
    held = state.folder(places, known.held).digest
found = inspect(file, places.begun / "digest", held, Limits()).found
kept = state.Kept(found.digest.sha256, found.generated, found.digest.mailboxes, datetime.now(UTC))
state.keep(places, kept, file, places.begun / "digest", found.merged)
state.save(places, replace(known, coming=kept))
"""
COMPARE = f"""
import sys
sys.path.insert(0, {HOST!r})
from pathlib import Path
from vaguemestre.host.annuaire import applying, churn, digest, state
from vaguemestre.host.annuaire.delta import wanted
from vaguemestre.host.annuaire.layout import Places
places = Places(Path({str(STATE)!r}))
known = state.load(places)
held, new = state.folder(places, known.held), state.folder(places, known.coming)
todo = wanted(churn.differences(digest.records(held.digest), digest.records(new.digest)))
assert len(list(applying._mailboxes(new, todo.put))) == len(todo.put)
"""


def main() -> None:
    folder, first, following = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    found = {"inspect": measured(lambda: take(folder / first, "first"))}
    ldif = folder / "all.ldif"
    found["ldif"] = measured(lambda: piped("vgm-annuaire", (*ANNUAIRE, "ldif"), ldif))
    found["slapadd"] = measured(lambda: slapadd(folder, ldif))
    ldif.unlink()
    found["load"] = measured(lambda: done((*ANNUAIRE, "load")))
    found["settle"] = measured(lambda: done(as_account("vgm-annuaire", (*ANNUAIRE, "refresh", "--resume"))))
    found["inspect_next"] = measured(lambda: take(folder / following, "next"))
    found["compare"] = measured(lambda: done(as_account("vgm-annuaire", ("python3", "-c", COMPARE))))
    said: list[str] = []
    found["delta"] = measured(lambda: said.append(brought_up_to_date()))
    print(json.dumps({"trials": found, "said": json.loads(said[0])["events"], "database": size()}))


def take(file: Path, which: str) -> None:
    """What a fetch leaves behind: inspected, and to be applied."""
    done(as_account("vgm-annuaire", ("python3", "-c", TAKE, str(file), which)))


def brought_up_to_date() -> str:
    """As the timer's job does it: written to the live slapd, then brought to the disk; what the run said."""
    said = done(as_account("vgm-annuaire", (*ANNUAIRE, "refresh", "--resume", "--json")))
    done((*ANNUAIRE, "load"))
    return said


def slapadd(folder: Path, ldif: Path) -> None:
    """The bare thing, into a database on the same disk with the host's own configuration."""
    sys.path.insert(0, HOST)
    from vaguemestre.host.annuaire.loading import CONFIGURATION, redirected

    database, configuration = Path("/var/lib/ldap/vgm-bench"), folder / "slapd.conf"
    shutil.rmtree(database, ignore_errors=True)
    database.mkdir()
    shutil.chown(database, "openldap", "openldap")
    configuration.write_text(redirected(CONFIGURATION.read_text(), database))
    command = ("slapadd", "-q", "-f", str(configuration), "-b", "ou=national,o=vaguemestre")
    with ldif.open("rb") as given:
        done(as_account("openldap", command), given)
    shutil.rmtree(database)


def measured(trial: Callable[[], object]) -> dict[str, float]:
    """Wall and processor seconds, and the most memory of any process until now, in MiB."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    trial()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": time.monotonic() - begun, "cpu": spent, "mib": after.ru_maxrss / 1024}


def as_account(account: str, command: tuple[str, ...]) -> tuple[str, ...]:
    pwd.getpwnam(account)
    return ("setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", "--", *command)


def piped(account: str, command: tuple[str, ...], target: Path) -> None:
    with target.open("wb") as file:
        subprocess.run(as_account(account, command), stdout=file, check=True)


def done(command: tuple[str, ...], given: object = None) -> str:
    ran = subprocess.run(command, stdin=given, capture_output=True, text=True, check=False)  # type: ignore[call-overload]
    if ran.returncode:
        sys.exit(f"{command}: {ran.returncode}: {ran.stderr[-500:]}")
    return str(ran.stdout)


def size() -> int:
    """Of the database, in octets; the file is sparse."""
    return os.stat("/var/lib/ldap/national/data.mdb").st_blocks * 512  # noqa: PTH116 - needs nothing else


if __name__ == "__main__":
    main()
