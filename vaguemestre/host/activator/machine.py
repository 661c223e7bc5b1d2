"""The seam between the activator and what is not a file: systemd, dpkg, accounts.

`Machine` is Debian. The crash tests put another one in its place whose daemons really read the scratch tree.
"""

from __future__ import annotations

import grp
import pwd
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vaguemestre.host.activator.commands import run, start
from vaguemestre.host.activator.facts import Facts, UnitState
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.units import Survey, states
from vaguemestre.release import Account, Package

if TYPE_CHECKING:
    from vaguemestre.host.activator.program import Program
    from vaguemestre.host.activator.switch import Move

Content = Mapping[str, Callable[[], bytes]]
Say = Callable[[str], None]

_STARTING = 900  # seconds: units have time limits of their own, this one is for a systemd that hangs


class Machine:
    """Debian with systemd."""

    detached = True  # activations run outside the session that asked for them

    def survey(self, packages: Iterable[str], units: Iterable[str]) -> Callable[[], Facts]:
        """Ask dpkg and systemd, all at once; what is given waits for their answers."""
        dpkg = start("dpkg-query", "-W", "-f=${Package}\t${Version}\t${db:Status-Abbrev}\n", *sorted(set(packages)))
        asked = Survey(units)
        return lambda: Facts(_installed(dpkg.communicate()[0]), *asked.told())

    def states(self, units: Iterable[str]) -> dict[str, UnitState]:
        """What these units are; one that is not known is absent."""
        return states(units)

    def user(self, name: str) -> int | None:
        """The uid of an account, or None when there is no such account."""
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            return None

    def group(self, name: str) -> int | None:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None

    def account(self, name: str) -> Account | None:
        """The account as it is, with its supplementary groups."""
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            return None
        groups = tuple(sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem))
        return Account(name, found.pw_dir, found.pw_shell, groups, found.pw_uid)

    def add_account(self, account: Account) -> None:
        """useradd(8): a system account with its own group."""
        uid = () if account.uid is None else ("--uid", str(account.uid))
        group = ("--user-group",) if self.group(account.name) is None else ("--gid", account.name)
        member = ("--groups", ",".join(account.groups)) if account.groups else ()
        dress = ("--home-dir", account.home, "--shell", account.shell, "--no-create-home")
        self._accounts("useradd", "--system", *group, *uid, *dress, *member, account.name)

    def change_account(self, account: Account) -> None:
        """usermod(8): home, shell, further groups; never the uid, files would be orphaned. Only what differs is asked
        for: a home cannot change while the account has processes.
        """
        found = self.account(account.name)
        home = ("--home", account.home) if not found or found.home != account.home else ()
        shell = ("--shell", account.shell) if not found or found.shell != account.shell else ()
        member = ("--append", "--groups", ",".join(account.groups)) if account.groups else ()
        self._accounts("usermod", *home, *shell, *member, account.name)

    def program(self) -> Program:
        """The archive that this activator came in: see `vaguemestre.host.activator.program`."""
        from vaguemestre.host.activator.program import program

        return program()

    def install(self, packages: Sequence[Package], moves: Sequence[Move], content: Content, say: Say) -> None:
        """See `vaguemestre.host.activator.packages`."""
        from vaguemestre.host.activator.packages import install

        install(packages, moves, content, say)

    def debian(self) -> str:
        """The code name of this host's Debian (os-release(5)); "" when it does not say."""
        try:
            told = Path("/etc/os-release").read_text().splitlines()
        except OSError:
            return ""
        return next((line.partition("=")[2].strip('"') for line in told if line.startswith("VERSION_CODENAME=")), "")

    def judge(self, commands: Sequence[Sequence[str]], moves: Sequence[Move], content: Content) -> None:
        """See `vaguemestre.host.activator.judge`."""
        from vaguemestre.host.activator.judge import judge

        judge(commands, moves, content)

    def stopping(self) -> bool:
        """The host is shutting down."""
        return run("systemctl", "is-system-running").output == "stopping"

    def reload_definitions(self) -> None:
        self._systemctl("daemon-reload")

    def enable(self, unit: str) -> None:
        self._systemctl("enable", unit)

    def disable(self, unit: str) -> None:
        self._systemctl("disable", unit)

    def mask(self, unit: str) -> None:
        """Stop, then mask: a timer masked while it waits fails, for "unit to trigger vanished"."""
        run("systemctl", "stop", unit)  # one that does not exist cannot be stopped, and may be masked
        self._systemctl("mask", "--now", unit)

    def unmask(self, unit: str) -> None:
        self._systemctl("unmask", unit)

    def stop(self, unit: str) -> None:
        """Stop a unit, and forget that it failed: systemd would call the whole host degraded for it."""
        self._systemctl("stop", unit)
        run("systemctl", "reset-failed", unit)

    def act(self, unit: str, action: str) -> None:
        """start, reload or restart a unit and wait for systemd's answer; a start limit hit earlier is forgotten."""
        if action != "reload":
            run("systemctl", "reset-failed", unit)
        self._systemctl("reload-or-restart" if action == "reload" else action, unit)

    def words(self, unit: str, since: float) -> str:
        """The last lines that a unit has written to the journal since then (Unix time)."""
        lines = ("--since", f"@{since:.6f}", "--lines", "12", "--output", "cat", "--quiet", "--no-pager")
        return run("journalctl", "--unit", unit, *lines).output

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def _systemctl(self, *arguments: str) -> None:
        done = run("systemctl", *arguments, timeout=_STARTING)
        if done.code:
            raise ActivationError("settle", f"systemctl {' '.join(arguments)} failed:\n{done.output}")

    def _accounts(self, *command: str) -> None:
        done = run(*command)
        if done.code:
            raise ActivationError("accounts", f"{' '.join(command)} failed:\n{done.output}")


def _installed(output: bytes) -> dict[str, str]:
    rows = (line.split("\t") for line in output.decode().splitlines())
    return {name: version for name, version, status in rows if status.startswith("ii")}
