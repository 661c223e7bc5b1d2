"""Role base: what every host is, whatever it serves: the way in, the firewall, time, journal, packages, name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, collapse_addresses

from roles import base_delegation
from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.establishment import RoleName, Ssh
from vaguemestre.release import Account, Directory, File, Item, Package, Probe, Unit
from vaguemestre.render import file

NEEDS: tuple[RoleName, ...] = ()


@dataclass(frozen=True)
class Service:
    """A TCP port that a role answers on to the outside; `name` says in the firewall what it is for.

    `networks` are the only ones let in; None: everybody.
    """

    port: int
    name: str
    networks: tuple[str, ...] | None = None

    @property
    def sources(self) -> str:
        """The networks as nft(8) lists them."""
        return ", ".join(self.networks or ())


@dataclass(frozen=True)
class Inner:
    """A TCP port on the loopback that only some accounts of the host may connect to."""

    port: int
    name: str
    accounts: tuple[str, ...]

    @property
    def owners(self) -> str:
        """The accounts as nft(8) lists them."""
        return ", ".join(self.accounts)


# All that is reachable from outside besides SSH, in one place for whoever reviews the firewall.
SERVICES: dict[RoleName, tuple[Service, ...]] = {
    RoleName.EDGE: (Service(25, "SMTP between operators"),),
    RoleName.POSTFIX: (Service(587, "submission"),),
    RoleName.DOVECOT: (Service(143, "IMAP, STARTTLS"), Service(993, "IMAPS"), Service(4190, "ManageSieve")),
}

# Who may speak there is believed: the first by what it says of its peers, the second for being of this machine.
INNER: dict[RoleName, tuple[Inner, ...]] = {
    RoleName.POSTFIX: (
        Inner(10025, "nginx to Postfix", ("root", "www-data")),
        Inner(10587, "notices and filters to Postfix", ("root", "vgm-trust", "vmail")),
    ),
}
# An edge on a host of its own reaches the mail host's Postfix through a tunnel, whose two ends these are.
TUNNEL = 10026
TUNNEL_ACCOUNT = "vgm-tunnel"
_TUNNEL_ENTRY = Inner(10025, "nginx to the tunnel", ("root", "www-data"))

# Who may speak there too, where its role is: nft(8) refuses an account that does not exist.
WRITERS: dict[RoleName, dict[int, tuple[str, ...]]] = {RoleName.DIRECTORY: {10587: ("vgm-annuaire",)}}
SESSIONS = 50  # on port 25 from one address at a time: Postfix's own default, and far more than an operator opens


def items(context: Context) -> Iterator[Item]:
    """What the host needs whatever it serves.

    Where the inventory names no mirror and no resolvers, nothing is written: the host keeps its own.
    """
    yield from _runtime()
    yield from _apt(context)
    yield from _upgrades(context)
    yield from _name(context)
    yield from _way_in(context)
    yield from _firewall(context)
    yield from _clock(context)
    yield from _journal(context)


def services(context: Context) -> tuple[Service, ...]:
    """What the roles of this host answer on, in the order of the ports."""
    ours = [service for role in context.host.roles for service in SERVICES.get(role, ())]
    if context.host.has(RoleName.OPENLDAP) and (networks := _collapsed(context.settings.directory.client_networks)):
        ours.append(Service(636, "address book, LDAPS", networks))
    if context.host in context.establishment.providers and context.establishment.replicas:
        followers = tuple(f"{host.address}" for host in context.establishment.replicas)
        ours.append(Service(636, "replicas of the directory", followers))
    if context.host.has(RoleName.POSTFIX) and (edges := context.establishment.edges_apart):
        ours.append(Service(TUNNEL, "edges on other hosts", tuple(f"{host.address}" for host in edges)))
    return tuple(sorted(ours, key=lambda service: service.port))


def _collapsed(networks: tuple[IPv4Network, ...]) -> tuple[str, ...]:
    """nft(8) refuses intervals that overlap."""
    return tuple(map(str, collapse_addresses(networks)))


def inner(context: Context) -> tuple[Inner, ...]:
    """The ports that stay between accounts of this host."""
    ours = tuple(_joined(port, context) for role in context.host.roles for port in INNER.get(role, ()))
    return (_TUNNEL_ENTRY, *ours) if context.host in context.establishment.edges_apart else ours


def _joined(port: Inner, context: Context) -> Inner:
    more = [account for role in context.host.roles for account in WRITERS.get(role, {}).get(port.port, ())]
    if port.port == _TUNNEL_ENTRY.port and context.establishment.edges_apart:
        more.append(TUNNEL_ACCOUNT)
    return replace(port, accounts=(*port.accounts, *more))


def _runtime() -> Iterator[Item]:
    yield Package("python3")
    yield Directory("/usr/lib/vaguemestre")
    yield File(runtime.PATH, runtime.archive())


def _apt(context: Context) -> Iterator[Item]:
    apt, suite = context.settings.apt, context.host.debian.value
    if apt.bundle or apt.mirror:
        # Debian's own two places, so that nothing of before stays in force beside what is declared here.
        yield file("base", "/etc/apt/sources.list")
        yield file("base", "/etc/apt/sources.list.d/debian.sources", apt=apt, suite=suite)
    if apt.proxy and not apt.bundle:
        # apt takes the last proxy it reads; installers leave theirs in files named as late as 99.
        yield file("base", "/etc/apt/apt.conf.d/99vaguemestre-proxy", proxy=apt.proxy)


def _upgrades(context: Context) -> Iterator[Item]:
    """Written also when off: a cloud image may have them on, and an upgrade at night has taken mail servers down."""
    wanted = context.settings.apt.unattended_upgrades
    periodic = file("base", "/etc/apt/apt.conf.d/20auto-upgrades", switch="1" if wanted else "0")
    yield periodic
    if wanted:
        yield Package("unattended-upgrades")
        yield file("base", "/etc/apt/apt.conf.d/52vaguemestre-upgrades", suite=context.host.debian.value)
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        # Off means masked: apt's timers would also take the package lock in the middle of an activation.
        yield Unit(timer, inputs=(periodic.path,)) if wanted else Unit(timer, masked=True)


def _name(context: Context) -> Iterator[Item]:
    name = file("base", "/etc/hostname", fqdn=context.host.name)
    service = file("base", "/etc/systemd/system/vaguemestre-hostname.service")
    yield name
    yield service
    yield Package("libnss-myhostname")  # the host's name resolves on itself, and /etc/hosts stays its administrator's
    yield Unit("vaguemestre-hostname.service", inputs=(name.path, service.path))
    if context.settings.resolvers:
        yield file("base", "/etc/resolv.conf", resolvers=context.settings.resolvers)


def _way_in(context: Context) -> Iterator[Item]:
    """SSH and sudo; a judge refuses what would lock the controller out."""
    ssh = context.settings.ssh
    daemon = file(
        "base", "/etc/ssh/sshd_config.d/00-vaguemestre.conf", port=context.host.ssh_port, root_login=_root_login(ssh)
    )
    sudoers = file("base", "/etc/sudoers.d/vaguemestre", mode=0o440, user=ssh.user)
    yield from (Package("openssh-server"), Package("sudo"))
    if ssh.user != "root":
        yield Account(ssh.user, home=f"/home/{ssh.user}", shell="/bin/bash")  # noqa: S604 - a login shell, no command
    yield daemon
    yield sudoers
    others = tuple(base_delegation.items(context))
    yield from others
    yield Unit(
        "ssh.service",
        inputs=(daemon.path, sudoers.path, *(one.path for one in others if isinstance(one, File))),
        on_change="reload",
        judges=(
            ("/usr/sbin/sshd", "-t"),
            ("/usr/sbin/visudo", "-cf", sudoers.path),
            *base_delegation.judges(context),
            ("/bin/sh", "-c", _IN_FORCE),
            ("/bin/sh", "-c", _HAS_KEY, "sh", ssh.user),
        ),
        probes=(Probe(port=context.host.ssh_port, expect="SSH-2.0-"),),
    )


def _root_login(ssh: Ssh) -> str:
    """Root keeps its keys only where the inventory says that the controller logs in as root."""
    return "prohibit-password" if ssh.user == "root" else "no"


# sshd takes the first value it reads: an sshd_config without its Include, or an earlier drop-in, would undo ours.
_IN_FORCE = (
    "read=$(/usr/sbin/sshd -T 2>/dev/null) || exit 0; "  # unreadable: that is for sshd -t to say
    "echo \"$read\" | grep -qx 'passwordauthentication no' || "
    "{ echo 'passwords stay accepted: /etc/ssh/sshd_config must include /etc/ssh/sshd_config.d/*.conf first' >&2;"
    " exit 1; }"
)
_HAS_KEY = (
    'home=$(getent passwd "$1" | cut -d: -f6); test -s "$home/.ssh/authorized_keys" || '
    '{ echo "$1 has no key in $home/.ssh/authorized_keys: this would lock the controller out" >&2; exit 1; }'
)


def _firewall(context: Context) -> Iterator[Item]:
    rules = file(
        "base",
        "/etc/nftables.conf",
        mode=0o755,  # Debian's mode: the file is a script
        services=services(context),
        inner=inner(context),
        sessions=SESSIONS if context.host.has(RoleName.EDGE) else None,
        ssh_port=context.host.ssh_port,
        admin_networks=context.settings.ssh.admin_networks,
    )
    yield Package("nftables")
    yield rules
    yield Unit(
        "nftables.service",
        inputs=(rules.path,),
        on_change="reload",  # a restart flushes first: for a moment everything would be open
        judges=(("/usr/sbin/nft", "-c", "-f", rules.path), _admits(context)),
        probes=(Probe(command=("/usr/sbin/nft", "list", "table", "inet", "vaguemestre")),),
    )


def _admits(context: Context) -> tuple[str, ...]:
    """The judge that refuses a firewall which would shut out whoever is logged in now."""
    networks = map(str, context.settings.ssh.admin_networks)
    return ("/usr/bin/python3", runtime.PATH, "admits", str(context.host.ssh_port), *networks)


def _clock(context: Context) -> Iterator[Item]:
    clock = context.settings.clock
    configuration = file("base", "/etc/chrony/chrony.conf", servers=clock.servers, steer=clock.steer)
    options = file("base", "/etc/default/chrony", options="-F 1" if clock.steer else "-F 1 -x")
    written = [configuration, options]
    if not clock.steer:
        written.append(file("base", "/etc/systemd/system/chrony.service.d/vaguemestre.conf"))
    yield Package("chrony")
    yield from written
    yield Unit(
        "chrony.service",
        inputs=tuple(one.path for one in written),
        judges=(("/usr/sbin/chronyd", "-p", "-f", configuration.path),),
        probes=(Probe(command=("/usr/bin/chronyc", "-n", "tracking")),),
    )


def _journal(context: Context) -> Iterator[Item]:
    limits = file(
        "base",
        "/etc/systemd/journald.conf.d/vaguemestre.conf",
        max_use=context.settings.journal.max_use,
        log_days=context.establishment.retention.log_days,
    )
    yield limits
    yield Unit("systemd-journald.service", inputs=(limits.path,))
