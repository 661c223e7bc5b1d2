"""The nation's side of the lab, asked as operators ask it: list, revocation lists, OCSP, and failures."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from test_lab import PLAN

from vaguemestre.host.trust.authorities import Authorities, authorities
from vaguemestre.host.trust.revocation import RevocationError, crl
from vaguemestre.host.trust.whitelist import WhiteList, read
from vaguemestre.lab import Lab, Listed, State
from vaguemestre.lab.desk import Desk
from vaguemestre.lab.plan import LIST_HOST, SIGNER
from vaguemestre.pki.authority import Authority

pytestmark = pytest.mark.lab

(ONE,) = (request.host for request in PLAN.certificates)
NATION = replace(PLAN, name="selftest-nation", guests=PLAN.guests[:1])
PAGE = b"<html><body>Request unsuccessful</body></html>"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab.open(NATION.name)
    lab.down()
    lab.up(NATION, print)
    yield lab
    lab.down()


@pytest.fixture
def state(lab: Lab) -> State:
    found = lab.state()
    assert found is not None
    return found


@pytest.fixture
def nation(lab: Lab) -> Iterator[Desk]:
    """The nation, to be broken: mended afterwards."""
    yield lab.nation
    lab.nation.mend()


def test_the_list_is_fetched_with_the_nations_anchor_and_no_other(state: State) -> None:
    status, _, xml = ask_list(state)
    assert status == 200
    assert [entry.domain for entry in believed(state, xml).entries] == ["un.test"]
    with pytest.raises(ssl.SSLCertVerificationError):
        ask_list(state, ssl.create_default_context())


def test_a_list_that_is_held_is_not_sent_again_until_it_changes(state: State, nation: Desk) -> None:
    _, headers, _ = ask_list(state)
    same = {"If-None-Match": str(headers["ETag"]), "If-Modified-Since": str(headers["Last-Modified"])}
    assert ask_list(state, headers=same)[0] == 304
    nation.republish([*nation.nation.lines(), *nation.nation.lines()])
    status, _, xml = ask_list(state, headers=same)
    assert (status, len(believed(state, xml).entries)) == (200, 2)


def test_another_plan_is_another_list_of_a_later_date(lab: Lab, state: State) -> None:
    before = believed(state, ask_list(state)[2])
    lab.up(replace(NATION, listed=(Listed("deux.test", "CN=mx.deux.test,C=FR"),)), print)
    after = believed(state, ask_list(state)[2])
    lab.up(NATION, print)
    assert [entry.domain for entry in after.entries] == ["un.test", "deux.test"]
    assert before.generated < after.generated < believed(state, ask_list(state)[2]).generated


def test_what_is_revoked_is_revoked_at_once_for_lists_and_ocsp(lab: Lab, state: State, tmp_path: Path) -> None:
    issued = Authority.load(state.authority).issue(PLAN.certificates[0])
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(issued.leaf_pem())
    assert "leaf.pem: good" in ocsp(state, leaf, tier=1)
    assert lab.nation.revoke(issued.leaf.serial_number) == issued.leaf.serial_number
    assert issued.leaf.serial_number in crl(ask(state, "TEST-ACI-EL-ORG"), held(state), datetime.now(UTC)).serials
    assert "leaf.pem: revoked" in ocsp(state, leaf, tier=1)


def test_a_host_is_revoked_by_its_name(lab: Lab, state: State) -> None:
    serial = lab.nation.revoke(ONE)
    assert serial == x509.load_pem_x509_certificate((state.secrets / ONE / "tls.pem").read_bytes()).serial_number


def test_the_root_answers_for_the_issuing_authority(state: State, tmp_path: Path) -> None:
    issuing = tmp_path / "issuing.pem"
    issuing.write_bytes(Authority.load(state.authority).issuing.leaf_pem())
    assert "issuing.pem: good" in ocsp(state, issuing, tier=0)
    assert crl(ask(state, "TEST-ACR-EL"), held(state), datetime.now(UTC)).serials == frozenset()


def test_sources_that_break_are_mended_by_word_or_by_the_next_up(lab: Lab, state: State, nation: Desk) -> None:
    nation.serve("crl", PAGE)
    nation.forbid("list")
    nation.stop("ocsp")
    with pytest.raises(RevocationError, match="firewall"):
        crl(ask(state, "TEST-ACI-EL-ORG"), held(state), datetime.now(UTC))
    assert ask_list(state)[0] == 403
    lab.up(NATION, print)
    assert ask_list(state)[0] == 200
    crl(ask(state, "TEST-ACI-EL-ORG"), held(state), datetime.now(UTC))
    nation.stop("web")
    with pytest.raises(ConnectionRefusedError):
        ask_list(state)
    nation.mend()
    assert ask_list(state)[0] == 200


def test_a_nation_without_its_responder_still_publishes(state: State, nation: Desk, tmp_path: Path) -> None:
    nation.stop("ocsp")
    issuing = tmp_path / "issuing.pem"
    issuing.write_bytes(Authority.load(state.authority).issuing.leaf_pem())
    assert "good" not in ocsp(state, issuing, tier=0)
    assert ask_list(state)[0] == 200


def ask_list(
    state: State, context: ssl.SSLContext | None = None, headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """The list's status, headers and body, from the lab's address under the site's name."""
    site = _Site(state, context or ssl.create_default_context(cafile=state.anchors))
    return _get(site, "/listeblanchemssante.xml", headers or {})


def ask(state: State, name: str) -> bytes:
    connection = http.client.HTTPConnection(str(state.world), timeout=5)
    return _get(connection, f"/CRL/{name}.crl", {"Host": "igc-sante.world.test"})[2]


def ocsp(state: State, certificate: Path, tier: int) -> str:
    """What openssl makes of the responder's answer about a certificate; `tier` 0: issued by the root."""
    issuer = certificate.with_name("issuer.pem")
    authority = Authority.load(state.authority)
    issuer.write_bytes((authority.root, authority.issuing)[tier].leaf_pem())
    words = ["openssl", "ocsp", "-issuer", str(issuer), "-cert", str(certificate), "-CAfile", str(state.anchors)]
    words += ["-url", f"http://{state.world}", "-header", "Host=ocsp.world.test"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def held(state: State) -> Authorities:
    return authorities(state.anchors.read_bytes())


def believed(state: State, xml: bytes) -> WhiteList:
    anchors = x509.load_pem_x509_certificates(state.anchors.read_bytes())
    later = datetime.now(UTC) + timedelta(minutes=1)
    return read(xml, anchors=anchors, signer=SIGNER, at=None, now=later, max_bytes=1 << 20)


class _Site(http.client.HTTPSConnection):
    """The list's site, found where this lab has it."""

    def __init__(self, state: State, context: ssl.SSLContext) -> None:
        super().__init__(LIST_HOST, timeout=5, context=context)
        self.tls, self.place = context, (str(state.world), 443)

    def connect(self) -> None:
        self.sock = self.tls.wrap_socket(socket.create_connection(self.place, timeout=5), server_hostname=LIST_HOST)


def _get(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
) -> tuple[int, http.client.HTTPMessage, bytes]:
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()
