"""A pair of releases between which everything that can change does, and a second copy of a host to spoil."""

from __future__ import annotations

import hashlib
import os
import shutil

from scratch import Host

from vaguemestre.release import Account, Credential, Directory, File, Item, Package, Probe, Release, Unit

OLD_KEY, NEW_KEY = b"an old key, long enough to be no guess", b"a new key, long enough to be no guess"


def release(*items: Item) -> Release:
    return Release.of("mail.scratch.test", "trixie", [("scratch", item) for item in items])


def credential(content: bytes) -> Credential:
    return Credential("/etc/mail/tls.key", "tls.key", hashlib.sha256(content).hexdigest()[:16])


def old() -> Release:
    return release(
        Package("mail"),
        Account("mail"),
        Directory("/etc/mail"),
        Directory("/etc/mail/maps", mode=0o750),
        Directory("/srv/gone"),
        File("/etc/mail/main.cf", b"listen one\n"),
        File("/etc/mail/maps/people", b"anna\n", owner="mail", mode=0o640),
        File("/etc/mail/maps/same", b"the same in both\n"),
        File("/srv/gone/with-the-release", b"bye\n"),
        File("/etc/leaving.conf", b"leaving\n"),
        File("/etc/motd", b"welcome\n"),
        credential(OLD_KEY),
        Unit("mail.service", ("/etc/mail/main.cf", "/etc/mail/tls.key"), ("/etc/mail/tls.key",), "reload"),
        Unit("maps.service", ("/etc/mail/maps/people",)),
        Unit("leaving.service", ("/etc/leaving.conf",)),
        Unit("steady.service", ("/etc/mail/maps/same",)),
    )


def new() -> Release:
    return release(
        Package("mail"),
        Package("filter"),
        Account("mail"),
        Account("filter"),
        Directory("/etc/mail"),
        Directory("/etc/mail/maps", mode=0o755),
        Directory("/var/lib/filter", owner="filter", mode=0o700),
        File("/etc/mail/main.cf", b"listen two\n"),
        File("/etc/mail/maps/people", b"anna\nbertrand\n", owner="mail", mode=0o640),
        File("/etc/mail/maps/same", b"the same in both\n"),
        File("/etc/filter/conf.d/10-filter.conf", b"strict\n"),
        File("/var/lib/filter/rules", bytes(range(256)), owner="filter", mode=0o600),
        File("/etc/motd", b"welcome\n", mode=0o600),
        File("/etc/linked.conf", b"a file of our own\n"),
        credential(NEW_KEY),
        Unit("unwanted.service", masked=True),
        Unit("mail.service", ("/etc/mail/main.cf", "/etc/mail/tls.key"), ("/etc/mail/tls.key",), "reload"),
        Unit("maps.service", ("/etc/mail/maps/people",)),
        Unit(
            "filter.service",
            ("/etc/filter/conf.d/10-filter.conf", "/var/lib/filter/rules"),
            judges=(("no", "BROKEN"),),
            probes=(Probe(command=("true",), seconds=0),),
        ),
        Unit("steady.service", ("/etc/mail/maps/same",)),
    )


SECRETS = {old().id: {"tls.key": OLD_KEY}, new().id: {"tls.key": NEW_KEY}}


def copy(host: Host, name: str) -> Host:
    """The same host once more, to spoil: by hard links, as the activator never writes into a file that is there."""
    target = host.root.parent / name
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(host.root, target, symlinks=True, copy_function=_link)
    return Host(target)


def _link(path: str, copy: str) -> None:
    os.link(path, copy, follow_symlinks=False)
