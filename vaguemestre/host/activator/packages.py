"""Installing what is missing, from where the release says, without starting anything.

apt runs with the *staged* /etc/apt of the release, so a mirror, a proxy or a bundle that the release names is used
before it is live. No service is started or restarted meanwhile: in a private mount namespace an executable that says
no (exit 101, see invoke-rc.d(8)) lies over /usr/sbin/policy-rc.d. Where there is no such file, an empty one that is
not executable gives the mount a place; left behind by a power cut it means nothing, and the next run removes it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vaguemestre.host.activator.commands import follow, run
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.switch import Move
from vaguemestre.release import Package

_POLICY = Path("/usr/sbin/policy-rc.d")
_STAGE = Path("/run/vaguemestre-apt")
_APT_CONFIG = _STAGE / "apt.conf"
_ENVIRONMENT = {
    "APT_CONFIG": str(_APT_CONFIG),
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
}
_QUIET = (
    "--assume-yes",
    "--no-install-recommends",
    "-o=Dpkg::Options::=--force-confdef",
    "-o=Dpkg::Options::=--force-confold",
    "-o=Dpkg::Use-Pty=0",
    "-o=Acquire::Retries=2",
)
_LINES = 20
_PATIENCE, _AGAIN = 600, 5  # seconds: how long, and how often, to try while another package manager has the lock
_LOCKED = re.compile(
    r"Could not get lock|frontend lock was locked|is another process using it|status database is locked"
)
_TOLD = ("Get:", "Unpacking ", "Setting up ")
_NOTHING_STARTS = "#!/bin/sh\nexit 101\n"

Content = Mapping[str, Callable[[], bytes]]
Say = Callable[[str], None]


def install(packages: Sequence[Package], moves: Iterable[Move], content: Content, say: Say) -> None:
    """Install these packages.

    Raises:
        ActivationError: apt or dpkg failed, with their own words; what was installed until then stays.
    """
    with staged(moves, content):
        finish(say)
        _preseed(packages)
        update(say)
        say(f"apt-get install: {' '.join(package.name for package in packages)}")
        apt("--fix-broken", "install", "--", *(package.name for package in packages), say=say)


@contextmanager
def staged(moves: Iterable[Move], content: Content) -> Iterator[None]:
    """Inside, `apt` reads /etc/apt as the release will have it."""
    _stage(moves, content)
    try:
        yield
    finally:
        shutil.rmtree(_STAGE, ignore_errors=True)
        if _POLICY.exists() and not _POLICY.stat().st_size:
            _POLICY.unlink()


def update(say: Say) -> None:
    """Fetch the lists of packages, all of them or none."""
    say("apt-get update")
    apt("update", "--error-on=any", say=say)


def apt(*words: str, say: Say, policy: str = _NOTHING_STARTS) -> None:
    """apt-get, asking nothing and keeping configuration files; `policy` is what stands for policy-rc.d meanwhile.

    Raises:
        ActivationError: it failed, with its own words.
    """
    _guarded(["apt-get", *_QUIET, *words], say, policy)


def asked(*command: str) -> str:
    """What apt says to a question that changes nothing.

    Raises:
        ActivationError: it cannot answer.
    """
    done = run(*command, environment=_ENVIRONMENT)
    if done.code:
        raise ActivationError("packages", f"{' '.join(command)} failed; nothing was changed:\n{done.output}")
    return done.output


def finish(say: Say, policy: str = _NOTHING_STARTS) -> None:
    """What an interrupted dpkg left: what it cannot configure, because it was not even unpacked, apt installs again."""
    try:
        _guarded(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"], say, policy)
    except ActivationError as error:
        say(f"dpkg was interrupted earlier and cannot finish alone, apt will: {error}")


def _stage(moves: Iterable[Move], content: Content) -> None:
    """A copy of /etc/apt as the release will have it. apt's own user reads keys in it, so it is not closed."""
    shutil.rmtree(_STAGE, ignore_errors=True)
    _STAGE.mkdir(mode=0o755)
    _STAGE.chmod(0o755)
    shutil.copytree("/etc/apt", _STAGE / "etc", symlinks=True)
    # Read before all else; on the command line it would come after apt.conf.d, and the old proxy would stay in force.
    _APT_CONFIG.write_text(f'Dir::Etc "{_STAGE}/etc";\n')
    _APT_CONFIG.chmod(0o644)
    for move in moves:
        if move.path.startswith("/etc/apt/") and move.to != "folder":
            target = _STAGE / "etc" / move.path.removeprefix("/etc/apt/")
            target.unlink(missing_ok=True)
            if move.to == "file":
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch(0o600)
                target.write_bytes(content[move.path]())
                target.chmod(move.mode)


def _preseed(packages: Iterable[Package]) -> None:
    answers = [f"{one.name} {' '.join(answer)}" for one in packages for answer in one.debconf]
    if not answers:
        return
    seeds = _STAGE / "debconf"
    seeds.write_text("\n".join(answers) + "\n")
    done = run("debconf-set-selections", str(seeds))
    if done.code:
        raise ActivationError("packages", f"debconf-set-selections failed:\n{done.output}")


def _guarded(command: list[str], say: Say, policy: str) -> None:
    """Run `command` where no service is started but by `policy`, after any other package manager that is at work.

    Raises:
        ActivationError: it failed, with its own words.
    """
    deadline = time.monotonic() + _PATIENCE
    while (lines := _run(command, say, policy)) is not None:
        if not any(_LOCKED.search(line) for line in lines) or time.monotonic() > deadline:
            raise ActivationError(
                "packages", "\n  ".join([f"{command[0]} failed; no file was changed:", *_cause(lines)])
            )
        say("another package manager is at work on this host: waiting for it")
        time.sleep(_AGAIN)


def _run(command: list[str], say: Say, text: str) -> list[str] | None:
    """None when all went well, else all that was said."""
    policy = _STAGE / "policy-rc.d"
    policy.write_text(text)
    policy.chmod(0o755)
    if not _POLICY.exists():
        os.close(os.open(_POLICY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    lines: list[str] = []

    def line(text: str) -> None:
        lines.append(text)
        if text.startswith(_TOLD):
            say(text)

    script = f"mount --bind {policy} {_POLICY} && exec {shlex.join(command)}"
    failed = follow(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], _ENVIRONMENT, line)
    return lines if failed else None


def _cause(lines: list[str]) -> list[str]:
    """apt marks its errors; a package's own script that failed said why just before."""
    errors = [line for line in lines if line.startswith(("E:", "Err:"))]
    return lines[-_LINES:] if not errors or any(line.startswith("dpkg: error") for line in lines) else errors
