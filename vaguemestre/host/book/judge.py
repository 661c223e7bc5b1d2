"""The judge of access rules: slapd's own slapacl(8), on invented entries, before a configuration goes live.

Everything but the folders of the databases is the configuration's own. It runs where staged files stand at their final
paths, and leaves nothing behind.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from vaguemestre.host.book.specimens import OURS, THEIRS, Proof, proofs
from vaguemestre.host.mailboxes.store import DAEMONS, MAILBOXES, NATIONAL, SUFFIX

CONFIGURATION = "/etc/ldap/slapd.conf"
SCHEMA = "/etc/ldap/schema/vaguemestre.schema"
_SECONDS = 60
_TOLD = 4  # words of a proof, in a message
_DEFINED = re.compile(r"^attributetype \( \S+ NAME '(\w+)'", re.MULTILINE)
_DIRECTORY = re.compile(r"^directory\s.*$", re.MULTILINE)
_VERDICT = re.compile(r"^(\w+) access to (\S+): (ALLOWED|DENIED)$", re.MULTILINE)


class JudgeError(Exception):
    """slapd's tools could not even be asked; the text holds their words."""


def wrong(configuration: Path = Path(CONFIGURATION)) -> list[str]:
    """What the access rules of this configuration allow or deny against what must be, a line each; empty: right.

    Raises:
        JudgeError: the configuration cannot be loaded.
        OSError: the disk.
    """
    with tempfile.TemporaryDirectory(prefix="vaguemestre-judge-", dir="/var/lib/ldap") as folder:
        asked = _rehearsal(configuration, Path(folder))
        defined = _DEFINED.findall(Path(SCHEMA).read_text())
        return [text for proof in proofs(defined) if (text := _wrong(asked, proof))]


def _rehearsal(configuration: Path, folder: Path) -> Path:
    """The same configuration over databases of its own, with the specimens in them."""
    numbers = iter(range(1000))

    def apart(_: re.Match[str]) -> str:
        place = folder / str(next(numbers))
        place.mkdir()
        return f"directory {place}"

    asked = folder / "slapd.conf"
    asked.write_text(_DIRECTORY.sub(apart, configuration.read_text()))
    for suffix, entries in ((SUFFIX, _ours()), (NATIONAL, _theirs())):
        _run("/usr/sbin/slapadd", "-q", "-f", str(asked), "-b", suffix, given="\n".join(entries))
    return asked


def _ours() -> Iterator[str]:
    yield f"dn: {SUFFIX}\nobjectClass: organization\no: {SUFFIX.partition('=')[2]}\n"
    for branch in (DAEMONS, MAILBOXES):
        yield _branch(branch)
    for one in OURS:
        yield one.ldif()


def _theirs() -> Iterator[str]:
    yield _branch(NATIONAL)
    yield (
        f"dn: {THEIRS}\nobjectClass: vgmNationalMailbox\nmail: theirs@nation.test\nvgmMailboxType: PER\n"
        "vgmFingerprint: 0\ncn: theirs\n"
    )


def _branch(name: str) -> str:
    return f"dn: {name}\nobjectClass: organizationalUnit\nou: {name.partition(',')[0].partition('=')[2]}\n"


def _wrong(asked: Path, proof: Proof) -> str:
    """The words of the proof that slapacl sees otherwise; empty: none."""
    who = ("-D", proof.who) if proof.who else ()
    wanted = dict.fromkeys(proof.allowed, "ALLOWED") | dict.fromkeys(proof.denied, "DENIED")
    said = _run("/usr/sbin/slapacl", "-f", str(asked), *who, "-b", proof.entry, *wanted)
    verdicts = {f"{name}/{level}": verdict for level, name, verdict in _VERDICT.findall(said)}
    missing = [one for one in proof.allowed if verdicts.get(one) != "ALLOWED"]
    leaking = [one for one in proof.denied if verdicts.get(one) != "DENIED"]
    told = (_told("must have", missing), _told("must not have", leaking))
    return f"{proof.who or 'anybody'} on {proof.entry} {', '.join(filter(None, told))}" if any(told) else ""


def _told(verb: str, words: list[str]) -> str:
    more = f" and {len(words) - _TOLD} more" if len(words) > _TOLD else ""
    return f"{verb} {' '.join(words[:_TOLD])}{more}" if words else ""


def _run(*command: str, given: str = "") -> str:
    ran = _ran(command, given)
    if ran.returncode:
        raise JudgeError(f"{command[0]} ended with {ran.returncode}: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.stdout + ran.stderr


def _ran(command: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=_SECONDS, check=False)
