"""An operator's certificate from request to revocation, on real operators: mail flows through every step of it."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from letters import Peer, edge_answer, shown_certificate
from terminal import Typed

from vaguemestre.establishment import Fleet
from vaguemestre.host.trust.dn import text_of
from vaguemestre.lab import CertificateRequest, Lab, State
from vaguemestre.lab.listing import Line
from vaguemestre.pki.authority import Authority
from vaguemestre.secrets import Secrets
from vaguemestre.verbs.mailbox import Mailboxes, holders
from vaguemestre.verify.correspondent import Correspondent

OPERATORS = Path(__file__).resolve().parents[2] / "inventories" / "lab"
LENS, PASTEUR = "ch-lens.mssante.test", "pasteur-evreux.mssante.test"
HOST, PEER = f"mail.{LENS}", f"mail.{PASTEUR}"
SIRET = "62000099900017"


@dataclass(frozen=True)
class Desk:
    """The administrator of CH de Lens: an inventory that knows its SIRET, and the password of its vault."""

    inventory: Path
    password: Path
    folder: Path
    type_: Callable[..., Typed]

    def __call__(self, *words: str) -> Typed:
        return self.type_(*words, inventory=self.inventory, ANSIBLE_VAULT_PASSWORD_FILE=str(self.password))

    def requested(self, *options: str) -> x509.CertificateSigningRequest:
        """The request that `pki request` writes."""
        file = self.folder / "lens.csr"
        self("pki", "request", HOST, f"--csr={file}", *options).succeeded()
        return x509.load_pem_x509_csr(file.read_bytes())


@pytest.fixture(scope="module")
def authority(state: State) -> Authority:
    return Authority.load(state.authority)


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory,
    operators: Fleet,
    lab: Lab,
    state: State,
    authority: Authority,
    vaguemestre: Callable[..., Typed],
) -> Iterator[Desk]:
    """CH de Lens under renewal; afterwards it has a certificate of the usual kind again, its key in clear."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(OPERATORS, folder / "inventory")
    file = folder / "inventory" / "ch-lens.yml"
    file.write_text(file.read_text().replace("mode: operator", f'siret: "{SIRET}"\nmode: operator', 1))
    (folder / "password").write_text("correct horse\n")
    yield Desk(folder / "inventory", folder / "password", folder, vaguemestre)
    one = next(one for one, host in operators.hosts() if host.name == HOST)
    usual = authority.issue(CertificateRequest(HOST, one.name, one.department, one.structure_id))
    for file in (state.secrets / HOST).glob("tls.*"):
        file.unlink()
    for name, content in (("tls.key", usual.key_pem()), ("tls.pem", usual.chain_pem())):
        Secrets(state.secrets).write(HOST, name, content)
    lab.nation.republish()
    renew(lab)
    vaguemestre("apply", HOST).succeeded()


@pytest.fixture(scope="module")
def boxes(operators: Fleet) -> dict[str, Mailboxes]:
    return {one.host.name: one for one in holders(operators)}


@pytest.fixture(scope="module")
def paul(boxes: dict[str, Mailboxes]) -> Correspondent:
    return opened(boxes[HOST], "paul")


@pytest.fixture(scope="module")
def anne(boxes: dict[str, Mailboxes]) -> Correspondent:
    return opened(boxes[PEER], "anne")


def opened(boxes: Mailboxes, local: str) -> Correspondent:
    address = f"{local}-{secrets.token_hex(3)}@{boxes.operator.domains[0].name}"
    password = boxes.add(address, "--type=APP").password
    anchors = boxes.fleet.root / boxes.operator.settings.trust.anchors
    return Correspondent(address, password or "", boxes.host.name, str(boxes.host.address), anchors)


def renew(lab: Lab) -> None:
    """The hosts ask the nation's sources now."""
    for host in (HOST, PEER):
        asked = lab.exec(host, ["/usr/bin/python3", "/usr/lib/vaguemestre/host.pyz", "trust", "refresh", "--now"])
        assert asked.returncode == 0, asked.stdout + asked.stderr


def live_key(state: State) -> bytes:
    return (state.secrets / HOST / "tls.key").read_bytes()


def p7b(folder: Path, chain: tuple[x509.Certificate, ...]) -> str:
    """What the platform gives for download."""
    file = folder / "answer.p7b"
    file.write_bytes(serialize_certificates(list(chain), Encoding.DER))
    return str(file)


def shows(ip: str, certificate: x509.Certificate) -> bool:
    """Whether the host shows this certificate at every door, within a moment of the reload."""
    expected = certificate.public_bytes(Encoding.DER)
    for _ in range(20):
        if all(shown_certificate(ip, port) == expected for port in (25, 587, 143)):
            return True
        time.sleep(0.5)
    return False


def flows(lab: Lab, one: Correspondent, other: Correspondent) -> None:
    """Mail goes both ways; what is deferred because a peer remembers the old certificate is tried again."""
    sent = [(other, one.send(other.address, "Aller")), (one, other.send(one.address, "Retour"))]
    end = time.monotonic() + 120
    for reader, message_id in sent:
        while not arrived(reader, message_id):
            assert time.monotonic() < end, f"nothing reached {reader.address}"
            for host in (HOST, PEER):
                lab.exec(host, ["postqueue", "-f"])


def arrived(reader: Correspondent, message_id: str) -> bool:
    try:
        return bool(reader.wait_for(message_id, seconds=5))
    except AssertionError:
        return False


def judged(lab: Lab, host: str, certificate: x509.Certificate) -> bool:
    """Whether the host's trust daemon has judged this very certificate in the last minutes."""
    journal = lab.exec(host, ["journalctl", "-u", "vaguemestre-trust", "--since=-5min", "-o", "cat"]).stdout
    return f"{certificate.serial_number:x}" in journal.decode(errors="replace").lower()


def test_a_renewal_with_another_dn_overlaps_until_the_list_names_it(
    desk: Desk, lab: Lab, state: State, authority: Authority, anne: Correspondent, paul: Correspondent
) -> None:
    before, line = live_key(state), f"tls.key of {HOST}"
    csr = desk.requested("--siret")
    assert live_key(state) == before, line
    chain = authority.certify(csr)
    imported = desk("pki", "import", HOST, p7b(desk.folder, chain)).succeeded()
    assert "next, not live" in imported.screen
    assert "DN du nouveau certificat" in imported.screen
    assert desk("pki", "switch", HOST).code == 3
    assert live_key(state) == before, line
    flows(lab, anne, paul)

    lab.nation.republish([*lab.nation.nation.lines(), Line(LENS, text_of(chain[0].subject))])
    renew(lab)
    assert "the white list names its DN" in desk("pki", "switch", HOST).succeeded().screen
    desk("apply", HOST).succeeded()
    assert shows(paul.ip, chain[0])
    flows(lab, anne, paul)
    assert judged(lab, PEER, chain[0])
    states = [one["state"] for one in desk("pki", "status", "--json").json if one["bearer"] == HOST]
    assert states == ["live", "previous"]


def test_a_renewal_with_the_same_dn_goes_live_at_once_and_the_old_one_can_be_revoked(
    desk: Desk, lab: Lab, state: State, authority: Authority, anne: Correspondent, paul: Correspondent, tmp_path: Path
) -> None:
    old = stolen(desk, state, tmp_path)
    chain = authority.certify(desk.requested())
    assert desk("pki", "import", HOST, p7b(desk.folder, chain)).succeeded().screen.count("live: its DN is that of")
    desk("apply", HOST).succeeded()
    assert shows(paul.ip, chain[0])
    flows(lab, anne, paul)
    assert edge_answer(old, anne.ip, anne.host, f"a@{LENS}", anne.address)[0] == 250  # old and new, both accepted

    previous = x509.load_pem_x509_certificate((state.secrets / HOST / "tls.previous.pem").read_bytes())
    lab.nation.revoke(previous.serial_number)
    renew(lab)
    code, text = edge_answer(old, anne.ip, anne.host, f"a@{LENS}", anne.address)
    assert (code, "VGM-107" in text) == (550, True), text
    flows(lab, anne, paul)


def stolen(desk: Desk, state: State, folder: Path) -> Peer:
    """A peer that bears the host's live certificate, whose seal the administrator can open."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(desk.password))
        key = Secrets(state.secrets).read(HOST, "tls.key")
    chain = (state.secrets / HOST / "tls.pem").read_bytes()
    file = folder / "stolen.pem"
    file.touch(mode=0o600)
    file.write_bytes(key + chain)
    return Peer(file)


def test_no_private_key_that_the_kit_made_lies_on_the_controller_in_clear(desk: Desk, state: State) -> None:
    folder = state.secrets / HOST
    names = {path.name for path in folder.iterdir() if b"PRIVATE KEY" in path.read_bytes()}
    assert names <= {"tls.previous.key"}, "only what the lab itself had put there may be in clear"
    assert live_key(state).startswith(b"$ANSIBLE_VAULT;")
