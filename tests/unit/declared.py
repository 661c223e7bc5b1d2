"""Small inventories for tests: a valid file to be changed line by line, and a folder to put such files in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from vaguemestre.establishment import Fleet
from vaguemestre.inventory import read
from vaguemestre.lab import State
from vaguemestre.pki.national import BUNDLE

OPERATOR = """\
name: Clinique Pasteur
city: Évreux
region: Haute-Normandie
department: Eure (27)
finess: "270000999"
mode: operator
wave: 1
domains:
  - name: pasteur.mssante.test
hosts:
  - name: mail.pasteur.mssante.test
    address: 10.83.27.11
    roles: [base, pki]
contacts:
  responsible: {name: Camille Exemple, phone: "1", mail: camille@pasteur.mssante.test}
  support: {name: Informatique, phone: "2", mail: support@pasteur.mssante.test}
"""

SECOND = (
    OPERATOR.replace("Pasteur", "Lens")
    .replace("pasteur", "ch-lens")
    .replace("270000999", "620000999")
    .replace("10.83.27.11", "10.83.27.21")
)

HOSTED = """\
name: Les Tilleuls
city: Liévin
region: Nord-Pas-de-Calais
department: Pas-de-Calais (62)
finess: "620000111"
mode: hosted
operator: pasteur
domains:
  - name: tilleuls.mssante.test
contacts:
  responsible: {name: Dominique Modèle, phone: "1", mail: d@tilleuls.mssante.test}
  support: {name: Informatique, phone: "2", mail: i@tilleuls.mssante.test}
"""

LAB = "lab: {network: 10.83.27.0/24}\n"

_HOME = Path("/var/lib/somewhere")
STATE = State(
    name="other",
    network=IPv4Network("10.83.99.0/24"),
    gateway=IPv4Address("10.83.99.1"),
    world=IPv4Address("10.83.99.2"),
    outside=IPv4Address("10.83.99.3"),
    resolver=IPv4Address("10.83.99.2"),
    apt_proxy="http://10.83.99.1:3142",
    ssh_key=_HOME / "key",
    known_hosts=_HOME / "known_hosts",
    secrets=_HOME / "secrets",
    anchors=_HOME / "anchors.pem",
    authority=_HOME / "authority",
    guests=(),
)
"""A lab that is up, on another network than the one written."""


def write(root: Path, **files: str) -> Path:
    """The inventory `root` with these files, named without ``.yml``, and the nation's trust anchors."""
    (root / "trust").mkdir(parents=True, exist_ok=True)
    (root / "trust" / "national.pem").write_bytes(BUNDLE.read_bytes())
    for name, text in files.items():
        (root / f"{name}.yml").write_text(text)
    return root


def fleet(root: Path, **files: str) -> Fleet:
    return read(write(root, **files))
