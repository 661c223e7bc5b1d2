"""Role trust: who may write to whom, decided on this host: the white list, revocation, and the daemon that is asked.

Its sockets are systemd's: a connection made while the daemon is restarted, or dead, waits for the next one. Postfix
and nginx alone may open theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from roles import openldap, pki
from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.establishment import Debian, RoleName, Settings
from vaguemestre.host.trust.layout import ACCOUNT, SETTINGS, STATE
from vaguemestre.release import Account, Directory, File, Item, Package, Probe, Unit
from vaguemestre.render import file, text

NEEDS = (RoleName.BASE, RoleName.PKI)

# Where the daemon is asked. The first three belong to Postfix, the fourth to nginx.
SOCKETS = "/run/vaguemestre-trust"
POLICY = f"{SOCKETS}/policy"
MAP = f"{SOCKETS}/map"
MILTER = f"{SOCKETS}/milter"
AUTH = f"{SOCKETS}/auth"
METRICS = 9125

LOOPBACK = "127.0.0.1"
RELAY = 10025  # Postfix behind nginx
NOTICES = 10587  # Postfix for what this machine itself writes

LIST_ANCHORS = f"{pki.FOLDER}/white-list.pem"
REFRESH_MINUTES = 5  # how often the schedule is looked at; what is due is asked for

# The host's runtime stands on these (and on python3, role base).
_PACKAGES = ("cryptography", "dnspython", "h11", "idna", "lxml")
# What verifies the white list's signature, by Debian release (`vaguemestre.host.trust.signature`).
_SIGNATURES = {Debian.BOOKWORM: "xmlsec", Debian.TRIXIE: "signxml"}

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Socket:
    """A systemd socket unit: who may open what it listens on."""

    unit: str
    purpose: str
    listen: tuple[str, ...]
    owner: str | None = None  # None: a TCP port, which has no owner
    role: RoleName | None = None  # who asks there; None: on every host


SOCKET_UNITS = (
    Socket("vaguemestre-trust-postfix.socket", "Postfix", (POLICY, MAP, MILTER), "postfix", RoleName.POSTFIX),
    Socket("vaguemestre-trust-edge.socket", "nginx", (AUTH,), "www-data", RoleName.EDGE),
    Socket("vaguemestre-trust-metrics.socket", "Prometheus on this host", (f"{LOOPBACK}:{METRICS}",)),
)


def sockets(context: Context) -> tuple[Socket, ...]:
    """Those on which somebody of this host asks."""
    return tuple(one for one in SOCKET_UNITS if one.role is None or context.host.has(one.role))


def items(context: Context) -> Iterator[Item]:
    """The account, the settings, the sockets, the daemon, and the timer that keeps what it knows fresh."""
    for library in (*_PACKAGES, _SIGNATURES[context.host.debian]):
        yield Package(f"python3-{library}")
    yield Account(ACCOUNT, home=str(STATE))
    for folder in (STATE, STATE / "listing", STATE / "revocation", STATE / "redlist"):
        yield Directory(str(folder), owner=ACCOUNT, group=ACCOUNT, mode=0o750)
    known = tuple(_known(context))
    yield from known
    inputs = (*(one.path for one in known), pki.ANCHORS)
    yield from _first_fetch(inputs)
    yield from _sockets(context)
    yield from _daemon(context, inputs)
    yield from _refresh()
    if context.host.has(RoleName.OPENLDAP):
        yield from _watch()


def _known(context: Context) -> Iterator[File]:
    yield File(str(SETTINGS), (json.dumps(settings(context), indent=2, ensure_ascii=False) + "\n").encode())
    if context.list_anchors:
        source = str(context.settings.trust.white_list.anchors)
        yield file("trust", LIST_ANCHORS, anchors=pki.anchors(context.list_anchors, source))


def settings(context: Context) -> dict[str, object]:
    """What the daemon and its refresher must know; read by `vaguemestre.host.trust.layout`."""
    return {
        "own_domains": list(context.domains),
        "authorities": pki.ANCHORS,
        "white_list": _white_list(context.settings, own_anchors=bool(context.list_anchors)),
        "revocation": _revocation(context.settings),
        "proxy": context.settings.trust.proxy,
        "certificate": pki.CHAIN,
        "mail_host": context.host.name,
        "relay": [LOOPBACK, RELAY],
        "postmaster": openldap.postmaster(context),
        "notify": [LOOPBACK, NOTICES] if context.host.has(RoleName.POSTFIX) else None,
        "metrics": [LOOPBACK, METRICS],
        **({"redlist": _redlist(context)} if context.host.has(RoleName.OPENLDAP) else {}),
    }


def _redlist(context: Context) -> dict[str, object]:
    """Each domain's rules; who is on the red list is in the directory of mailboxes, which this host must hold."""
    return {
        "domains": {
            domain.name: {
                "establishment": one.slug,
                "own_staff_direct": one.redlist.own_staff_direct,
                "correspondent_days": one.redlist.correspondent_days,
            }
            for one in context.served
            for domain in one.domains
        }
    }


def _white_list(settings: Settings, *, own_anchors: bool) -> dict[str, object]:
    listed = settings.trust.white_list
    return {
        "url": listed.url,
        "anchors": LIST_ANCHORS if own_anchors else pki.ANCHORS,
        "signer": listed.signer,
        "every_seconds": listed.every_minutes * 60,
        "max_bytes": listed.max_mib * _MIB,
        "max_removed_percent": listed.max_removed_percent,
        "max_changed_percent": listed.max_changed_percent,
        "alarm_seconds": listed.alarm_hours * 3600,
        "page_seconds": listed.page_hours * 3600,
    }


def _revocation(settings: Settings) -> dict[str, object]:
    revocation = settings.trust.revocation
    return {
        "crl": list(revocation.crl),
        "ocsp": revocation.ocsp,
        "every_seconds": revocation.every_minutes * 60,
        "grace_seconds": revocation.grace_hours * 3600,
    }


def _first_fetch(inputs: tuple[str, ...]) -> Iterator[Item]:
    """Before the daemon's first start, so that a host can judge right after its apply."""
    service = _unit_file("vaguemestre-trust-first.service", runtime=runtime.PATH, state=STATE, account=ACCOUNT)
    yield service
    yield Unit("vaguemestre-trust-first.service", inputs=(*inputs, service.path, runtime.PATH))


def _sockets(context: Context) -> Iterator[Item]:
    for socket in sockets(context):
        content = text("trust/fragments/socket.j2", socket=socket)
        written = File(f"/etc/systemd/system/{socket.unit}", content.encode())
        yield written
        yield Unit(socket.unit, inputs=(written.path,))


def _daemon(context: Context, inputs: tuple[str, ...]) -> Iterator[Item]:
    service = _unit_file(
        "vaguemestre-trust.service",
        runtime=runtime.PATH,
        state=STATE,
        account=ACCOUNT,
        key=pki.KEY,
        sockets=" ".join(one.unit for one in sockets(context)),
    )
    yield service
    yield Unit(
        "vaguemestre-trust.service",
        inputs=(*inputs, service.path, pki.CHAIN, pki.KEY, runtime.PATH),
        judges=(("/usr/bin/python3", "-I", "-c", _READABLE, runtime.PATH),),
        probes=(Probe(port=METRICS, address=LOOPBACK), *_answers(context)),
    )


# What the daemon reads before it begins.
_READABLE = (
    "import sys;sys.path.insert(0,sys.argv[1]);"
    "from vaguemestre.host.trust.layout import settings;"
    "from vaguemestre.host.trust.authorities import authorities;"
    "authorities(settings().authorities.read_bytes())"
)


def _answers(context: Context) -> Iterator[Probe]:
    if context.host.has(RoleName.POSTFIX):
        yield Probe(command=("/usr/bin/python3", "-I", "-c", _ANSWERS, POLICY))


# The policy socket must answer, whatever it says: a transaction that names nobody is refused by any rule.
_ANSWERS = (
    "import socket,sys;"
    "s=socket.socket(socket.AF_UNIX);s.settimeout(5);s.connect(sys.argv[1]);"
    r"s.sendall(b'request=smtpd_access_policy\npolicy_context=edge\nprotocol_state=MAIL\nsender=\n\n');"
    "sys.exit(not s.recv(4096).startswith(b'action='))"
)


def _refresh() -> Iterator[Item]:
    name = "vaguemestre-trust-refresh"
    service = _unit_file(f"{name}.service", runtime=runtime.PATH, state=STATE, account=ACCOUNT)
    timer = _unit_file(f"{name}.timer", minutes=REFRESH_MINUTES)
    yield from (service, timer)
    # The service runs when the timer says so; it is read anew each time.
    yield Unit(timer.path.rpartition("/")[2], inputs=(timer.path, service.path))


def _watch() -> Iterator[Item]:
    """The red list looks after its secretariats."""
    name = "vaguemestre-redlist"
    service = _unit_file(f"{name}.service", runtime=runtime.PATH, state=STATE, account=ACCOUNT)
    timer = _unit_file(f"{name}.timer", minutes=REFRESH_MINUTES)
    yield from (service, timer)
    yield Unit(timer.path.rpartition("/")[2], inputs=(timer.path, service.path))


def _unit_file(name: str, **values: Any) -> File:
    return file("trust", f"/etc/systemd/system/{name}", **values)
