"""The real daemons read the golden hosts: every judge that a release names, and what has no judge of its own.

Each rendered host is laid over a Debian host's root in a private mount namespace, so that nothing of it stays.
"""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
from golden.hosts import NAMES, contexts

from vaguemestre import synthesis
from vaguemestre.context import Context
from vaguemestre.engines import wire
from vaguemestre.lab import Lab
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.release import Release
from vaguemestre.secrets import version

HOSTS = {one.host.name: one for name in NAMES for one in contexts(name)}

SPOILT = b"}{ nonsense\n"
LAY_OVER = r"""
set -eu
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
for folder in proc sys dev run; do mount --rbind /$folder /mnt/root/$folder; done
exec chroot /mnt/root sh -euc "$1"
"""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="module")
def debian(lab: Lab, scratch: tuple[str, ...]) -> str:
    """A host with every package that a golden host wants, their daemons asleep."""
    wanted = sorted({package.name for one in HOSTS.values() for package in synthesis.synthesise(one).packages})
    script = (
        "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d;"
        " echo 'slapd slapd/no_configuration boolean true' | debconf-set-selections; apt-get update -qq;"
        " DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "
    )
    installed = lab.exec(scratch[0], ["sh", "-c", script + " ".join(wanted)], timeout=900)
    assert installed.returncode == 0, installed.stderr.decode()
    return scratch[0]


@pytest.mark.parametrize("host", HOSTS)
def test_the_real_daemons_accept_a_rendered_host(host: str, lab: Lab, debian: str, authority: Authority) -> None:
    said = _judged(HOSTS[host], synthesis.synthesise(HOSTS[host]), lab, debian, authority)
    assert "REFUSED" not in said, said


def test_the_real_daemons_refuse_a_spoilt_host(lab: Lab, debian: str, authority: Authority) -> None:
    known = next(iter(HOSTS.values()))
    release = synthesis.synthesise(known)
    judged = {unit.inputs[0]: unit.judges for unit in release.units if unit.judges}
    spoilt = tuple(replace(one, content=one.content + SPOILT) if one.path in judged else one for one in release.files)
    said = _judged(known, replace(release, files=spoilt), lab, debian, authority)
    content = [
        path for path, judges in judged.items() if not any(f"REFUSED {shlex.join(one)}" in said for one in judges)
    ]
    assert not content, f"nobody minded nonsense in {content}:\n{said}"


def test_the_fullest_host_really_starts(lab: Lab, debian: str, authority: Authority) -> None:
    """IPv6, another SSH port, upgrades by themselves, several domains: every daemon runs, and a second look agrees."""
    known = _within_reach(HOSTS["mail.ch-lens.mssante.test"])
    issued = authority.issue(CertificateRequest(known.host.name, "Example", "Eure (27)", "1270000999"))
    secrets = {"tls.key": issued.key_pem(), "tls.pem": issued.chain_pem()}
    release = synthesis.synthesise(replace(known, secrets={name: version(one) for name, one in secrets.items()}))
    prepared = "rm /usr/sbin/policy-rc.d; useradd --system facteur; " + " ; ".join(_key_of("/home/facteur"))
    itself = f"ip address replace {known.host.address}/32 dev lo"  # where it listens for its edges
    lab.exec(debian, ["sh", "-c", f"{prepared}; {itself}"])
    for expected in (True, False):
        applied = _activated(lab, debian, wire.payload(release, secrets))
        assert isinstance(applied, wire.Applied), applied
        assert applied.changed is expected


def _within_reach(known: Context) -> Context:
    """The same host with packages, names and time that a container of the lab can have."""
    settings = known.settings
    apt = settings.apt.model_copy(update={"mirror": None, "security": None, "proxy": None})
    clock = settings.clock.model_copy(update={"steer": False})
    return replace(known, settings=settings.model_copy(update={"apt": apt, "clock": clock, "resolvers": ()}))


def _activated(lab: Lab, guest: str, payload: bytes) -> wire.Result:
    ran = lab.exec(guest, ["sh", "-c", wire.command("apply", sudo=False)], stdin=payload, timeout=300)
    return wire.read(ran.stdout.splitlines(), on_step=lambda _: None)


def _judged(known: Context, release: Release, lab: Lab, debian: str, authority: Authority) -> str:
    """What the judges said; each refusal begins with REFUSED and its command."""
    issued = authority.issue(CertificateRequest(release.host, "Example", "Eure (27)", "1270000999"))
    script = "\n".join((*_accounts(known, release), "tar -xpf -", *_judgements(known, release)))
    laid = ["unshare", "--mount", "--propagation", "private", "sh", "-c", LAY_OVER, "sh", script]
    judged = lab.exec(debian, laid, stdin=_tree(release, issued), timeout=120)
    assert judged.returncode == 0, f"{judged.stdout.decode()}{judged.stderr.decode()}"
    return judged.stdout.decode()


def _accounts(known: Context, release: Release) -> Iterator[str]:
    for account in release.accounts:
        uid = f"--uid {account.uid}" if account.uid else ""
        yield f"useradd --system --user-group {uid} --home-dir {account.home} --shell {account.shell} {account.name}"
    # What the first contact with a bare host leaves, and a judge looks for.
    home = "/root" if known.settings.ssh.user == "root" else f"/home/{known.settings.ssh.user}"
    yield from _key_of(home)


def _key_of(home: str) -> tuple[str, ...]:
    return (f"mkdir -p {home}/.ssh", f"echo ssh-ed25519 >{home}/.ssh/authorized_keys")


def _judgements(known: Context, release: Release) -> Iterator[str]:
    """Every judge, all of them run; a refusal is printed with the daemon's own words."""
    awake = [unit.name for unit in release.units if not unit.masked]
    without_judge = (
        ("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *awake),
        ("apt-config", "dump"),
        ("apt-get", "indextargets"),
        ("sudo", "-l", "-U", known.settings.ssh.user),
        ("python3", "-I", "/usr/lib/vaguemestre/host.pyz", "mailbox", "--help"),
    )
    for argv in (*(judge for unit in release.units for judge in unit.judges), *without_judge):
        command = shlex.join(argv)
        yield f"said=$({command} 2>&1) || printf 'REFUSED %s\\n%s\\n' {shlex.quote(command)} \"$said\""


def _tree(release: Release, issued: Issued) -> bytes:
    """The release as a tar archive with owners and modes, the secrets being those of a test authority."""
    secrets = {"tls.key": issued.key_pem(), "tls.pem": issued.chain_pem(), "annuaire.key": b"invented"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in release.directories:
            entry = _entry(directory.path, directory.owner, directory.group, directory.mode)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        contents = [(file, file.content) for file in release.files]
        for item, content in (*contents, *((one, secrets[one.secret]) for one in release.credentials)):
            entry = _entry(item.path, item.owner, item.group, item.mode)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _entry(path: str, owner: str, group: str, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.removeprefix("/"))
    entry.uname, entry.gname, entry.mode = owner, group, mode
    return entry
