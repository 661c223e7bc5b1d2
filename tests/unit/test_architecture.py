"""The rules that keep the kit the kit; each is stated once, here, and read from the sources themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from golden.hosts import NAMES, OLDER, contexts
from jinja2 import Environment, nodes

from vaguemestre import synthesis
from vaguemestre.establishment import RoleName

ROOT = Path(__file__).parents[2]
LONGEST = 400  # lines of one file; most have half as many

# What a role may know: the language, values, the frame. Neither clock, disk, network, nor engine.
PURE = {
    "__future__",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "ipaddress",
    "itertools",
    "json",
    "re",
    "typing",
    "unicodedata",
}
FRAME = {
    "roles",
    *(
        f"vaguemestre.{one}"
        for one in ("context", "errors", "establishment", "nation", "release", "render", "runtime", "terms")
    ),
    "vaguemestre.pki.national",
}
WORDS = {
    "vaguemestre.host.annuaire.layout",
    "vaguemestre.host.annuaire.publication.layout",
    "vaguemestre.host.mailboxes.bal",
    "vaguemestre.host.book.shown",
    "vaguemestre.host.replica.layout",
    "vaguemestre.host.mailboxes.store",
    "vaguemestre.host.moving.layout",
    "vaguemestre.host.trust.layout",
    "vaguemestre.host.trust.reasons",
}  # names that a role and the host's programs must agree on
EFFECTS = {
    "open",
    "print",
    "input",
    "exec",
    "eval",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "now",
    "today",
}

# Python libraries on a host besides the standard one; each is a Debian package that a role installs.
DEBIAN_LIBRARIES = {"cryptography", "dns", "h11", "idna", "ldap", "lxml", "signxml", "xmlsec"}
# What the activator shares with the controller; it travels with it.
TRAVELS = ("vaguemestre.errors", "vaguemestre.release")

# Who may import what talks to hosts: the two doors. `secrets` opens Ansible Vault's seals, nothing more.
DOORS = {"ansible", "gevent", "paramiko", "pyinfra"}
DOOR_KEEPERS = ("vaguemestre/engines/", "playbooks/", "vaguemestre/secrets.py")

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}

# Addresses for documentation and benchmarks (RFC 5737, RFC 2544), of the host itself and of the rehearsal lab.
# Any other is somebody's.
NOBODYS = tuple(
    IPv4Network(one)
    for one in (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "198.18.0.0/15",
        "127.0.0.0/8",
        "0.0.0.0/32",
        "10.0.0.0/24",
        "10.80.0.0/12",
        "172.16.0.0/32",  # RFC 1918 as networks, whose members are everybody's
        "192.168.0.0/32",
    )
)
KNOWN_SITES = (
    ".test",
    ".example",
    ".annuaire.sante.fr",
    ".apache.org",
    ".dovecot.org",
    ".hl7.fr",
    ".hl7.org",
    ".sirene.fr",
    ".keepachangelog.com",
    ".postfix.org",
    ".esante.gouv.fr",
    ".mssante.fr",
    ".nginx.org",
    ".relaxng.org",
    ".rpps.fr",
    ".sante.gouv.fr",
    ".sqlite.org",
    ".w3.org",
    ".semver.org",
    ".json-schema.org",
)


@cache
def tracked(*suffixes: str) -> tuple[str, ...]:
    """The project's files, relative to its root: what git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(set(listed.stdout.split("\n")) - {""})
    return tuple(name for name in names if name.endswith(suffixes or "") and (ROOT / name).is_file())


def sources(*folders: str) -> tuple[str, ...]:
    return tuple(name for name in tracked(".py") if name.startswith(folders))


PAGES = {"report", "ci"}  # folders of templates that make pages for people and pipelines, not files of hosts
TEMPLATES = tuple(name for name in tracked(".j2") if name.startswith("templates/"))


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(), name)


def imports(name: str) -> Iterator[str]:
    """Every module that a source imports, wherever in it, by full name."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: relative import; write the whole name"
            yield node.module or ""
            # `from vaguemestre import runtime` imports a module too
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if node.module in ("vaguemestre", "roles")
            )


def below(module: str, packages: Iterable[str]) -> bool:
    """Whether a module is one of these packages or lies in one of them."""
    return any(module == one or module.startswith(f"{one}.") for one in packages)


def test_a_role_imports_values_and_the_frame_only() -> None:
    allowed = PURE | FRAME | WORDS | {"cryptography"}
    strangers = [
        f"{name} imports {module}"
        for name in sources("roles/")
        for module in imports(name)
        if module != "vaguemestre" and not below(module, allowed)
    ]
    assert not strangers


def test_a_role_has_no_effects() -> None:
    effects = [
        f"{name}:{node.lineno}: {called}"
        for name in sources("roles/")
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Call)
        and (called := getattr(node.func, "id", None) or getattr(node.func, "attr", "")) in EFFECTS
    ]
    assert not effects


def test_what_runs_on_a_host_needs_debian_only() -> None:
    allowed = sys.stdlib_module_names | DEBIAN_LIBRARIES | {"vaguemestre.host", *TRAVELS}
    travelling = tuple(f"{one.replace('.', '/')}.py" for one in TRAVELS)
    strangers = [
        f"{name} imports {module}"
        for name in (*sources("vaguemestre/host/"), *travelling)
        for module in imports(name)
        if module != "vaguemestre" and not below(module, allowed)
    ]
    assert not strangers


def test_the_programs_of_a_host_and_the_activator_know_nothing_of_each_other() -> None:
    activator = ("vaguemestre/host/activate.py", "vaguemestre/host/activator/", "vaguemestre/host/health/")
    modules = ("vaguemestre.host.activate", "vaguemestre.host.activator", "vaguemestre.host.health")
    crossings = [
        f"{name} imports {module}"
        for name in sources("vaguemestre/host/")
        for module in imports(name)
        if below(module, ("vaguemestre.host",)) and not name.endswith("__init__.py")
        if name.startswith(activator) != below(module, modules)
    ]
    assert not crossings


def test_there_is_one_template_environment() -> None:
    users = {
        name
        for name in sources("vaguemestre/", "roles/", "playbooks/")
        if any(m.startswith("jinja2") for m in imports(name))
    }
    assert users == {"vaguemestre/render.py"}


def test_only_the_doors_talk_to_hosts_through_an_engine() -> None:
    strangers = [
        f"{name} imports {module}"
        for name in sources("vaguemestre/", "roles/")
        if not name.startswith(DOOR_KEEPERS)
        for module in imports(name)
        if module.split(".")[0] in DOORS
    ]
    assert not strangers


@pytest.mark.parametrize("module", ["release", "establishment", "people", "terms", "context", "plan", "errors"])
def test_the_core_is_pure(module: str) -> None:
    effectful = {"os", "subprocess", "socket", "shutil", "tempfile", "time", "urllib", "http", "asyncio"} | DOORS
    assert not effectful & {name.split(".")[0] for name in imports(f"vaguemestre/{module}.py")}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [name for name in tracked(".py") if VAGUE_NAMES & set(Path(name).with_suffix("").parts)]


def test_a_reader_takes_a_file_in_at_once() -> None:
    lengths = {name: (ROOT / name).read_text().count("\n") for name in sources("vaguemestre/", "roles/", "playbooks/")}
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


@pytest.mark.parametrize("role", [role.value for role in RoleName])
def test_the_three_names_of_a_role_agree(role: str) -> None:
    assert (ROOT / f"roles/{role}.py").is_file()
    assert (ROOT / f"templates/{role}").is_dir()
    assert (ROOT / f"tests/unit/roles/test_{role}.py").is_file()


def test_no_role_module_and_no_template_folder_is_without_its_role() -> None:
    known = {role.value for role in RoleName}
    modules = {Path(name).stem for name in sources("roles/")} - {"__init__"}
    # a role may have a second room, named after it: postfix_trust
    assert {name for name in modules if name.split("_")[0] not in known} == set()
    assert {Path(name).parts[1] for name in tracked() if name.startswith("templates/")} <= known | PAGES


def _written_by_templates() -> set[str]:
    """With a folder between role and path where a Debian release has a template of its own."""
    return {
        f"{release.authors[file.path]}{variant}{file.path}.j2"
        for names, variants in ((NAMES, ("",)), (OLDER, ("", "/bookworm")))
        for name in names
        for release in map(synthesis.synthesise, contexts(name))
        for file in release.files
        for variant in variants
    }


def test_every_template_is_seen_in_the_golden_trees() -> None:
    templates = {name.removeprefix("templates/") for name in TEMPLATES if "/fragments/" not in name}
    templates = {name for name in templates if Path(name).parts[0] not in PAGES}
    assert templates - _written_by_templates() == set()


# A template tests a prepared value and loops over a prepared list; whatever is computed is computed in the role.
DUMB = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.Name,
    nodes.Getattr,
    nodes.Not,
    nodes.And,
    nodes.Or,
    nodes.Include,  # a fragment that several files share, by its name
    nodes.Const,
)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_dumb(name: str) -> None:
    tree = Environment(autoescape=False).parse((ROOT / name).read_text())  # noqa: S701 - parsed, never rendered
    clever = [
        f"{name}:{node.lineno}: {type(node).__name__}" for node in tree.find_all(nodes.Node) if type(node) not in DUMB
    ]
    assert not clever


def _texts() -> Iterator[tuple[str, str]]:
    for name in tracked():
        if name not in ("LICENSE", "requirements/lock.txt") and not name.endswith((".png", ".svg", ".gif")):
            yield name, (ROOT / name).read_text(errors="replace")


def test_no_address_of_a_real_network_is_written_down() -> None:
    """Sections of standards, and the attributes of names (X.520, arc 2.5.4), only look like addresses."""
    found = [
        f"{name}: {address}"
        for name, text in _texts()
        for address in re.findall(r"(?<!section )(?<![\d.])(?!2\.5\.4\.)\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text)
        if all(int(part) < 256 for part in address.split("."))
        and not any(IPv4Address(address) in network for network in NOBODYS)
    ]
    assert not found


def test_every_link_leads_to_a_known_place() -> None:
    found = [
        f"{name}: {host}"
        for name, text in _texts()
        for host in re.findall(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)", text)
        if not host.split(".")[-1].isdigit() and not f".{host}".endswith(KNOWN_SITES)
    ]
    assert not found
