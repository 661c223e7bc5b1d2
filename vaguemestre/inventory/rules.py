"""What one file alone cannot tell: rules between establishments, hosts, domains and roles.

Each rule is a pure function from all that was read to what is wrong with it; `check` asks them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.errors import Problem
from vaguemestre.establishment import DIRECTORY_WORKERS, Establishment, Host, Mode, RoleName, Settings
from vaguemestre.inventory.document import Document, Loc
from vaguemestre.inventory.moving_rules import administrators_are_of_the_hosted, moves_between_two_stacks


@dataclass(frozen=True)
class Source:
    """An establishment and the file it was read from."""

    document: Document
    establishment: Establishment

    def hosts(self) -> Iterator[tuple[Loc, Host]]:
        for place, host in enumerate(self.establishment.hosts):
            yield ("hosts", place), host


@dataclass(frozen=True)
class Reading:
    """All that was read; `broken` are the slugs of files that have problems of their own."""

    sources: tuple[Source, ...]
    settings: Settings
    broken: frozenset[str]
    needs: Callable[[RoleName], Sequence[str]]


def check(reading: Reading) -> list[Problem]:
    """Every cross-file problem, in no particular order."""
    return [problem for rule in _RULES for problem in rule(reading)]


def _twice(what: str, way_out: str, found: Iterable[tuple[Source, Loc, str]]) -> Iterator[Problem]:
    first: dict[str, tuple[Source, Loc]] = {}
    for source, loc, value in found:
        before, where = first.setdefault(value, (source, loc))
        if (before, where) != (source, loc):
            line = f"{before.document.file.name}:{before.document.line(where)}"
            yield source.document.problem(loc, f"the {what} {value} is already taken in {line}", way_out)


def _one_finess(reading: Reading) -> Iterator[Problem]:
    way_out = "two sites of one entity are one establishment with more hosts; else check the number of each"
    return _twice("FINESS number", way_out, ((one, ("finess",), one.establishment.finess) for one in reading.sources))


def _one_domain(reading: Reading) -> Iterator[Problem]:
    return _twice(
        "domain",
        "a domain belongs to one establishment; write it there only",
        (
            (one, ("domains", place, "name"), domain.name)
            for one in reading.sources
            for place, domain in enumerate(one.establishment.domains)
        ),
    )


def _one_host_name(reading: Reading) -> Iterator[Problem]:
    return _twice(
        "host name",
        "each host has its own name and its own certificate",
        ((one, (*loc, "name"), host.name) for one in reading.sources for loc, host in one.hosts()),
    )


def _one_address(reading: Reading) -> Iterator[Problem]:
    return _twice(
        "address",
        "each host has its own address",
        (
            (one, (*loc, field), str(address))
            for one in reading.sources
            for loc, host in one.hosts()
            for field, address in (("address", host.address), ("address6", host.address6))
            if address is not None
        ),
    )


def _operator_complete(reading: Reading) -> Iterator[Problem]:
    for source in _of_mode(reading, Mode.OPERATOR):
        if not source.establishment.hosts:
            yield source.document.problem(("hosts",), "an operator without a host", "add `hosts:`, or use mode: hosted")
        if not source.establishment.domains:
            yield source.document.problem(("domains",), "an operator without a mail domain", "add `domains:`")
        if source.establishment.operator is not None:
            yield source.document.problem(
                ("operator",), "an operator is not served by another", "remove `operator:`, or use mode: hosted"
            )


def _hosted_served(reading: Reading) -> Iterator[Problem]:
    modes = {one.establishment.slug: one.establishment.mode for one in reading.sources}
    for source in _of_mode(reading, Mode.HOSTED):
        operator = source.establishment.operator
        if operator is None:
            yield source.document.problem(
                ("operator",), "nobody is named who serves it", "add `operator:` with the name of the operator's file"
            )
        elif operator not in modes and operator not in reading.broken:
            yield source.document.problem(
                ("operator",), f"there is no establishment {operator}", f"operators here: {_operators(modes)}"
            )
        elif modes.get(operator, Mode.OPERATOR) is not Mode.OPERATOR:
            yield source.document.problem(
                ("operator",), f"{operator} is {modes[operator]}, no operator", f"operators here: {_operators(modes)}"
            )


def _operators(modes: dict[str, Mode]) -> str:
    return ", ".join(sorted(slug for slug, mode in modes.items() if mode is Mode.OPERATOR)) or "none"


def _only_operators_run_hosts(reading: Reading) -> Iterator[Problem]:
    for source in _of_mode(reading, Mode.HOSTED, Mode.INDIVIDUAL):
        if source.establishment.hosts and source.establishment.moving_from != source.establishment.slug:
            mode = source.establishment.mode
            yield source.document.problem(
                ("hosts",), f"mode {mode} runs no hosts", "remove `hosts:`, or use mode: operator"
            )


def _individual_has_no_stack(reading: Reading) -> Iterator[Problem]:
    for source in _of_mode(reading, Mode.INDIVIDUAL):
        if source.establishment.domains:
            yield source.document.problem(
                ("domains",),
                "mode individual has national addresses, no domains of its own",
                "remove `domains:`, or use mode: hosted",
            )


def _individual_placed(reading: Reading) -> Iterator[Problem]:
    """Its people have their mailboxes on an operator's domains by profession, or none that this inventory knows of."""
    by_slug = {one.establishment.slug: one.establishment for one in reading.sources}
    with_professions = {
        one.operator if one.mode is Mode.HOSTED else one.slug
        for one in by_slug.values()
        if any(domain.professions for domain in one.domains)
    }
    for source in _of_mode(reading, Mode.INDIVIDUAL):
        operator = source.establishment.operator
        if operator is not None and operator not in with_professions and operator not in reading.broken:
            known = ", ".join(sorted(filter(None, with_professions))) or "none"
            yield source.document.problem(
                ("operator",),
                f"{operator} serves no domain by profession",
                f"operators with a domain that has `professions:`: {known}; or remove `operator:`",
            )


def _one_domain_for_a_profession(reading: Reading) -> Iterator[Problem]:
    """A person is placed by profession code, so an operator must not leave a choice."""
    first: dict[tuple[str, str], str] = {}
    for source in reading.sources:
        one = source.establishment
        for place, domain in enumerate(one.domains):
            for code in domain.professions:
                before = first.setdefault((_server(one), code), domain.name)
                if before != domain.name:
                    yield source.document.problem(
                        ("domains", place, "professions"),
                        f"people of profession {code} are placed in {before} already",
                        "write each code once",
                    )


def _secretariat_known(reading: Reading) -> Iterator[Problem]:
    """It is a mailbox of the same operator: that host alone can lead mail there."""
    own: dict[str, set[str]] = {}
    for source in reading.sources:
        names = (domain.name for domain in source.establishment.domains)
        own.setdefault(_server(source.establishment), set()).update(names)
    for source in reading.sources:
        secretariat, domains = source.establishment.redlist.secretariat, own[_server(source.establishment)]
        if secretariat is not None and secretariat.rpartition("@")[2] not in domains and not reading.broken:
            yield source.document.problem(
                ("redlist", "secretariat"),
                f"{secretariat} is in no domain of its operator's",
                f"name a mailbox in one of: {', '.join(sorted(domains))}",
            )


def _server(one: Establishment) -> str:
    return one.operator or one.slug


def _roles_complete(reading: Reading) -> Iterator[Problem]:
    for source in reading.sources:
        for loc, host in source.hosts():
            for missing, wanted_by in _missing_roles(host, reading.needs).items():
                yield source.document.problem(
                    (*loc, "roles"),
                    f"{host.name} lacks the role {missing}, which {wanted_by} needs",
                    f"add {missing} to its roles",
                )


def _missing_roles(host: Host, needs: Callable[[RoleName], Sequence[str]]) -> dict[str, str]:
    """Missing role -> who needs it; every host needs base."""
    wanted = {str(need): str(role) for role in host.roles for need in needs(role)}
    wanted.setdefault(RoleName.BASE.value, "every host")
    return {need: role for need, role in wanted.items() if need not in host.roles}


def _roles_once(reading: Reading) -> Iterator[Problem]:
    for source in reading.sources:
        for loc, host in source.hosts():
            for place, role in enumerate(host.roles):
                if role in host.roles[:place]:
                    yield source.document.problem((*loc, "roles", place), f"{role} is here twice", "keep one")


def _reachable(reading: Reading) -> Iterator[Problem]:
    """Port 25 is the edge's: an operator without one sends mail, and nobody can write back."""
    for source in _of_mode(reading, Mode.OPERATOR):
        hosts = list(source.hosts())
        if any(host.has(RoleName.EDGE) for _, host in hosts):
            continue
        for loc, host in hosts:
            if host.has(RoleName.POSTFIX):
                yield source.document.problem(
                    (*loc, "roles"), f"no other operator could write to {host.name}", "add edge to its roles"
                )


def _edges_lead_somewhere(reading: Reading) -> Iterator[Problem]:
    """What an edge takes is for one queue: mail that is spread over two would be looked for in the wrong one."""
    for source in _of_mode(reading, Mode.OPERATOR):
        queues = [host.name for host in source.establishment.mail_hosts]
        for loc, host in source.hosts() if len(queues) != 1 else ():
            if host in source.establishment.edges_apart:
                known = f"several hosts have it: {', '.join(queues)}" if queues else "no host has it"
                yield source.document.problem(
                    (*loc, "roles"),
                    f"{host.name} has edge without postfix, and {known}",
                    "give postfix to one host of the establishment, this one or another",
                )


def _one_directory(reading: Reading) -> Iterator[Problem]:
    """Two hosts that both write mailboxes would soon say different things of the same people."""
    for source in reading.sources:
        keep = source.establishment.providers
        if len(keep) > 1:
            for loc, host in source.hosts():
                if host in keep[1:]:
                    others = f"{keep[0].name} keeps the mailboxes already, {host.name} would keep others"
                    way_out = "one host has what writes or reads all of them; a second with openldap is its replica"
                    yield source.document.problem((*loc, "roles"), others, f"{way_out}: leave {_workers(host)} away")
        elif not keep and source.establishment.replicas:
            place = next(loc for loc, host in source.hosts() if host in source.establishment.replicas)
            yield source.document.problem(
                (*place, "roles"),
                "several hosts have openldap, and none of them is where mailboxes are kept",
                "add directory, or dovecot and postfix, to the roles of the one",
            )


def _workers(host: Host) -> str:
    return ", ".join(role for role in host.roles if role in DIRECTORY_WORKERS)


def _staff_file(reading: Reading) -> Iterator[Problem]:
    for source in reading.sources:
        mailboxes = source.establishment.mailboxes
        if mailboxes.source != "manual" and mailboxes.file is None:
            yield source.document.problem(
                ("mailboxes", "file"),
                f"source {mailboxes.source} without a file",
                f"add `file: staff.{mailboxes.source}`",
            )
        elif mailboxes.source == "manual" and mailboxes.file is not None:
            yield source.document.problem(
                ("mailboxes", "file"), "source manual reads no file", "write `source: csv` or `source: ldif`"
            )
        elif mailboxes.file is not None and not _is_file(source.document.file.parent / mailboxes.file):
            yield source.document.problem(
                ("mailboxes", "file"), f"{mailboxes.file} does not exist", "the path is relative to this file"
            )


def _anchors(reading: Reading) -> Iterator[Problem]:
    """In the lab the authority is made with the hosts: nothing to check before."""
    if reading.settings.lab is not None:
        return
    told: set[Path] = set()
    for source in reading.sources:
        trust, directory = source.establishment.settings.trust, source.establishment.settings.directory
        wanted: tuple[tuple[Loc, Path | None], ...] = (
            (("settings", "trust", "anchors"), trust.anchors),
            (("settings", "trust", "white_list", "anchors"), trust.white_list.anchors),
            (("settings", "directory", "anchors"), directory.anchors),
        )
        for loc, file in wanted if source.establishment.hosts else ():
            if file is not None and file not in told and not _is_file(source.document.file.parent / file):
                told.add(file)
                yield source.document.problem(
                    loc,
                    f"the national authorities' file {file} does not exist",
                    "put the PEM of the IGC-Santé chain there; the path is relative to the inventory",
                )


def _inside_the_lab(reading: Reading) -> Iterator[Problem]:
    lab = reading.settings.lab
    for source in reading.sources:
        if "lab" in (source.document.data.get("settings") or {}):
            yield source.document.problem(
                ("settings", "lab"), "the lab is the whole inventory's", "move it to inventory.yml"
            )
        for loc, host in source.hosts():
            if lab is not None and host.address not in lab.network:
                yield source.document.problem(
                    (*loc, "address"), f"{host.address} is outside the lab", f"choose one inside {lab.network}"
                )


def _of_mode(reading: Reading, *modes: Mode) -> Iterator[Source]:
    return (source for source in reading.sources if source.establishment.mode in modes)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, a NUL in it
        return False


_RULES: tuple[Callable[[Reading], Iterator[Problem]], ...] = (
    _one_finess,
    _one_domain,
    _one_host_name,
    _one_address,
    _operator_complete,
    _hosted_served,
    _only_operators_run_hosts,
    _individual_has_no_stack,
    _individual_placed,
    _one_domain_for_a_profession,
    moves_between_two_stacks,
    administrators_are_of_the_hosted,
    _secretariat_known,
    _roles_complete,
    _roles_once,
    _reachable,
    _edges_lead_somewhere,
    _one_directory,
    _staff_file,
    _anchors,
    _inside_the_lab,
)
