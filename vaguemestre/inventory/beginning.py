"""The smallest file of an establishment, with a comment on each choice; what `vaguemestre init` writes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from vaguemestre.errors import Exit, InventoryError, VaguemestreError
from vaguemestre.establishment import Mode
from vaguemestre.inventory import SHARED, read

NATIONAL = Path(__file__).parent.parent / "pki" / "igc-sante.pem"


class AlreadyThereError(VaguemestreError):
    """The file exists; it is never overwritten."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Answers:
    """What a person is asked. `domain`, `host` and `address` are an operator's; `operator` is a hosted one's."""

    slug: str
    name: str
    city: str
    region: str
    department: str
    finess: str
    mode: Mode
    responsible: str
    phone: str
    mail: str
    wave: int = 1
    domain: str | None = None
    host: str | None = None
    address: str | None = None
    operator: str | None = None


def slug_of(name: str, city: str) -> str:
    """``Clinique Pasteur``, ``Évreux`` -> ``clinique-pasteur-evreux``; the city is not said twice."""
    plain_name, plain_city = _plain(name), _plain(city)
    return plain_name if plain_city in plain_name else f"{plain_name}-{plain_city}"


def write(root: Path, answers: Answers) -> tuple[Path, ...]:
    """Write the establishment's file into the inventory `root`, made when it is missing; what was written.

    A new inventory also gets ``inventory.yml``, the national authorities' certificates, and a ``.gitignore`` for what
    must stay out of git.

    Raises:
        AlreadyThereError: there is such a file.
        InventoryError: the answers do not make a valid establishment beside the others; nothing was written.
    """
    file = root / f"{answers.slug}.yml"
    if file.exists():
        raise AlreadyThereError(f"{file} exists and is left as it is\n    edit it, or name another establishment")
    content = _for_editors(root, "establishment") + text(answers)
    _refuse_invalid(root, file, content)
    root.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as draft:
        draft.write(content)
    return (file, *(() if (root / SHARED).exists() else _surroundings(root)))


def text(answers: Answers) -> str:
    """The file's content: YAML with comments."""
    parts = [_identity(answers), _mode(answers)]
    if answers.domain:
        parts.append(_domains(answers.domain))
    if answers.mode is Mode.OPERATOR:
        parts.append(_hosts(answers))
    return "\n".join([*parts, _contacts(answers), _END])


def _refuse_invalid(root: Path, file: Path, content: str) -> None:
    """Only this file's problems count, and not that the certificates are missing: they come with it."""
    try:
        read(root, drafts={file: content})
    except InventoryError as error:
        own = [one for one in error.problems if one.file == file and one.field != "settings.trust.anchors"]
        if own:
            raise InventoryError(own) from error


def _surroundings(root: Path) -> Iterator[Path]:
    """What stands beside the establishments; each only where it is missing."""
    wanted = {
        root / SHARED: (_for_editors(root, "inventory") + _SHARED).encode(),
        root / "trust" / "national.pem": NATIONAL.read_bytes(),
        root / ".gitignore": _IGNORED.encode(),
    }
    for path, content in wanted.items():
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            yield path


def _for_editors(root: Path, kind: str) -> str:
    """The line by which an editor finds the schema: for inventories that lie beside the project's own."""
    kept = root.resolve().parent / "schema" / f"{kind}.json"
    return f"# yaml-language-server: $schema=../schema/{kind}.json\n#\n" if kept.exists() else ""


def _identity(answers: Answers) -> str:
    return f"""\
# {answers.name}, {answers.city}
# In commands this establishment is called {answers.slug}, after the file.
# `vaguemestre validate` checks what you write here.

name: {_quoted(answers.name)}
city: {_quoted(answers.city)}
region: {_quoted(answers.region)}
department: {_quoted(answers.department)}    # as certificates write it
finess: {_quoted(answers.finess)}    # keep the quotes: it is a text, not a number
"""


def _mode(answers: Answers) -> str:
    served = f"operator: {_quoted(answers.operator or '')}    # the file, without .yml, of who serves it\n"
    return f"""\
# operator: runs the mail stack itself; hosted: another establishment runs it; individual: nothing is run, its people
# have addresses by profession (`operator:` names who serves these domains, when it is in this inventory).
mode: {answers.mode}
{served if answers.operator else ""}\
wave: {answers.wave}    # rollouts go wave by wave; a wave starts when the one before has been verified
"""


def _domains(domain: str) -> str:
    return f"""\
# The mail domains listed under this establishment in the national white list.
domains:
  - name: {domain}
"""


def _hosts(answers: Answers) -> str:
    return f"""\
# Debian 13 hosts. The name is the one in the host's certificate and in the MX record of the domains.
hosts:
  - name: {answers.host}
    address: {answers.address}
    roles: [base, pki, openldap, directory, dovecot, trust, postfix, edge]
"""


def _contacts(answers: Answers) -> str:
    person = f"""\
    name: {_quoted(answers.responsible)}
    phone: {_quoted(answers.phone)}
    mail: {_quoted(answers.mail)}
"""
    return f"""\
# Both are published in the white list. Change the support's when somebody else answers.
contacts:
  responsible:
{person}  support:
{person}"""


_SHARED = """\
# What all establishments of this inventory share. Any section may be repeated under `settings:` in an establishment's
# own file; what is given there wins, field by field. Paths are relative to this folder.

ssh:
  key: ssh/vaguemestre            # private key of this controller: ssh-keygen -t ed25519 -f ssh/vaguemestre
  known_hosts: ssh/known_hosts    # the hosts' keys, each compared on the host's own console
#  admin_networks: [192.0.2.0/28]   # from where SSH is accepted, this machine included; without it, from everywhere
#  bootstrap_user: root           # who lets us in at the first contact

# apt:
#   mirror: http://mirror.hospital.example/debian    # without it, the host keeps its own sources
#   security: http://mirror.hospital.example/debian-security
#   proxy: http://proxy.hospital.example:3128
# resolvers: [192.0.2.53]         # without it, the host keeps its own
# clock:
#   servers: [ntp.hospital.example]
# trust:
#   anchors: trust/national.pem
"""

_IGNORED = """\
# Private keys never go into git.
/secrets/
/ssh/*
!/ssh/*.pub
!/ssh/known_hosts
"""

_END = """\
# What else can be said, with its default:
#
# mailboxes:
#   quota_mib: 2048           # storage of a mailbox
#   message_size_mib: 10      # largest message
# redlist:
#   default: none             # or unlisted, or secretariat
#   secretariat: null         # the mailbox of those who name none
# retention:
#   log_days: 365
#   closed_days: 90           # closed mailboxes can be restored, then they are quarantined,
#   quarantine_days: 275      # can be restored still, then their mail is removed
#   closed_address_years: 10  # before an address may be given to somebody else
# settings:                   # only what differs from inventory.yml
#   ssh:
#     admin_networks: [192.0.2.0/28]    # from where SSH is accepted; without it, from everywhere
"""


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1000).strip()
