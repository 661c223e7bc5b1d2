"""Mail on its way from host to host: Dovecot's own dsync, each end over SSH, this machine the pipe between them.

The hosts need not know each other, no port is opened and nothing is written here. `doveadm backup` makes a mailbox
exactly what it is at the source: folders, messages, flags, UIDs (doveadm-backup(1)); again it carries what has changed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from vaguemestre.engines.openssh import host_key_arguments
from vaguemestre.host.moving.layout import STATE
from vaguemestre.moving.stacks import MoveError, Stack

_SIDE_BY_SIDE = 4
_STORE = "/var/vmail"
_CHANGED_MEANWHILE = 2  # exit code of doveadm backup: right as far as it goes, run it again

# doveadm speaks dsync with a command that it starts; that command is the SSH session's own two ends.
_DSYNC = """
flock -s {lock} sh -c '
  grep -qF {here} {state} || {{ echo "the domain is in charge here already" >&2; exit 75; }}
  exec 3<&0 4>&1 1>&2
  exec doveadm backup -R -u "$0" sh -c "cat <&3 & cat >&4; wait"
' {address}
"""
_PERSONAL = r"""
mkdir -p -m 700 {folder} && cd {folder} && find . -mindepth 2 -maxdepth 2 \( -name sieve -o -name .dovecot.sieve \) \
  -print0 | tar -c --null --exclude='*.svbin' -T -
"""
_PERSONAL_IN = """
mkdir -p -m 700 {folder} && cd {folder} && rm -rf ./*/sieve ./*/.dovecot.sieve && tar -x
"""
_ENDED = "mkdir -p -m 700 {folder} && cd {folder} && ls -d {names} 2>/dev/null | tar -c -T -"
_ENDED_IN = "mkdir -p -m 700 {folder} && cd {folder} && rm -rf {names} && tar -x"


@dataclass
class Carrier(AbstractContextManager["Carrier"]):
    """Connections with both hosts for the time of a `with` block."""

    source: Stack
    target: Stack
    _folder: str = field(init=False, default="")

    def __enter__(self) -> Self:
        if not shutil.which("ssh"):
            raise MoveError("ssh is not installed here\n    apt install openssh-client")
        self._folder = tempfile.mkdtemp(prefix="vgm-move-")
        self.source, self.target = (replace(one, ssh=self._session(one)) for one in (self.source, self.target))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stack in (self.source, self.target):
            *ssh, at = stack.ssh
            subprocess.run([*ssh, "-O", "exit", at], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def mail(self, addresses: Sequence[str], done: Callable[[int], None]) -> None:
        """Make these mailboxes at the target what they are at the source; `done` is told how many are.

        Raises:
            MoveError: one of them could not be carried; others may have been.
        """
        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
            for number, _ in enumerate(pool.map(self._mailbox, addresses), start=1):
                done(number)

    def _mailbox(self, address: str) -> None:
        domain = address.rpartition("@")[2]
        giving = ["doveadm", "dsync-server", "-u", address]
        words = {
            "lock": STATE / "lock",
            "state": STATE / "state.json",
            "here": shlex.quote(f'"{domain}": ').replace("'", "'\\''"),
            "address": shlex.quote(address),
        }
        for _ in range(3):
            code, said = self._piped(shlex.join(giving), _DSYNC.format(**words))
            if code != _CHANGED_MEANWHILE:
                break
        if code not in (0, _CHANGED_MEANWHILE):
            raise MoveError(f"a mailbox of {domain} was not carried: {said}\n    run the same command again")

    def filters(self, domain: str) -> None:
        """People's Sieve scripts, and which one is active."""
        folder = shlex.quote(f"{_STORE}/{domain}")
        self._as_vmail(_PERSONAL.format(folder=folder), _PERSONAL_IN.format(folder=folder), "filters")

    def ended(self, domain: str, addresses: Iterable[str]) -> None:
        """The mail of closed mailboxes, which Dovecot no longer knows: the folders as they are, nobody writes there."""
        names = " ".join(shlex.quote(f"./{address.rpartition('@')[0]}") for address in addresses)
        if names:
            words = {"folder": shlex.quote(f"{_STORE}/{domain}"), "names": names}
            self._as_vmail(_ENDED.format(**words), _ENDED_IN.format(**words), "mail of closed mailboxes")

    def _as_vmail(self, giving: str, taking: str, what: str) -> None:
        code, said = self._piped(
            *(shlex.join(["runuser", "-u", "vmail", "--", "sh", "-c", one]) for one in (giving, taking))
        )
        if code:
            raise MoveError(f"{what} were not carried: {said}\n    run the same command again")

    def _piped(self, giving: str, taking: str) -> tuple[int, str]:
        """Run both, each one's output the other's input; the exit code that tells, and the last words."""
        there, back = os.pipe(), os.pipe()
        try:
            giver = self._begun(self.source, giving, back[0], there[1])
            taker = self._begun(self.target, taking, there[0], back[1])
        finally:
            for end in (*there, *back):
                os.close(end)
        said_there, said_here = taker.communicate()[1], giver.communicate()[1]
        code = taker.returncode or giver.returncode
        return code, _last(said_there if taker.returncode else said_here)

    def _begun(self, stack: Stack, command: str, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
        whole = shlex.join([*stack.sudo, "sh", "-c", command])
        return subprocess.Popen([*stack.ssh, whole], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)

    def _session(self, stack: Stack) -> tuple[str, ...]:
        """One connection with each host, shared by all that is asked and carried (ssh_config(5), ControlMaster)."""
        way = stack.way
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._folder}/%C", "-o", "ControlPersist=60"]
        key = ["-i", way.key] if way.key else []
        alive = ["-o", "BatchMode=yes", "-o", "ServerAliveInterval=5", "-o", "ConnectTimeout=20"]
        known = shlex.split(host_key_arguments(way))
        return ("ssh", *alive, *known, *shared, *key, "-p", str(way.port), f"{way.user}@{way.address}")


def _last(words: bytes) -> str:
    """The last line; Dovecot's own begin with who is meant, which is nobody's to read in a log."""
    lines = words.decode(errors="replace").strip().splitlines()
    return lines[-1][-300:] if lines else "no word was said"
