"""The nation's side of the lab, asked as operators ask it: list, revocation lists, OCSP, and failures."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from test_lab import PLAN

from vaguemestre.host.annuaire import download, fhir
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.source import Source
from vaguemestre.host.trust.authorities import Authorities, authorities
from vaguemestre.host.trust.fetch import FetchError, Request
from vaguemestre.host.trust.revocation import RevocationError, crl
from vaguemestre.host.trust.whitelist import WhiteList, read
from vaguemestre.lab import Lab, Listed, State, extraction
from vaguemestre.lab.desk import Desk
from vaguemestre.lab.plan import EXTRACTION_URL, FHIR_HOST, FHIR_URL, LIST_HOST, OPERATOR_KEY, SIGNER
from vaguemestre.lab.registry import LINES, SEED
from vaguemestre.lab.world.annuaire.shapes import METADATA
from vaguemestre.pki.authority import Authority

pytestmark = pytest.mark.lab

(ONE,) = (request.host for request in PLAN.certificates)
NATION = replace(PLAN, name="selftest-nation", guests=PLAN.guests[:1])
BOX = "anne.essai@clinique.mssante.test"
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


def test_the_directory_gives_both_readers_the_same_mailboxes_with_the_nations_anchor(
    resolved: None, state: State, nation: Desk, tmp_path: Path
) -> None:
    asked = Request(EXTRACTION_URL, 1 << 24, state.anchors)
    file, _ = download.fetched(asked, download.offered(asked), tmp_path)
    read = snapshot(tmp_path, state)
    assert addresses(read) == addresses(file)
    assert len(addresses(file)) > 300
    assert {"HEAD", "GET"} <= {one["verb"] for one in nation.directory.record()}
    with pytest.raises(FetchError, match="certificate is not believed"):
        download.offered(replace(asked, anchors=Path("/etc/ssl/certs/ca-certificates.crt")))


def test_what_is_told_to_the_directory_is_read_from_it_until_it_is_forgotten(
    resolved: None, state: State, nation: Desk, tmp_path: Path
) -> None:
    told = patched(state, "Practitioner?identifier=https://rpps.esante.gouv.fr%7C10009990010", "insert")
    assert told == 200
    assert BOX in addresses(snapshot(tmp_path, state))
    assert patched(state, "Practitioner/003-55555555555", "insert") == 404
    nation.directory.forget_changes()
    assert BOX not in addresses(snapshot(tmp_path, state, full=True))


def test_the_directory_fails_as_it_is_told_to_and_is_mended(
    resolved: None, state: State, nation: Desk, tmp_path: Path
) -> None:
    nation.directory.fail(extraction={"html": True}, fhir={"html": True})
    asked = Request(EXTRACTION_URL, 1 << 24, state.anchors)
    with pytest.raises(FetchError, match="web page"):
        download.offered(asked)
    with pytest.raises(FetchError, match="web page"):
        snapshot(tmp_path, state)
    nation.directory.fail()
    nation.directory.serve("Extraction_Correspondance_MSSante_202601010313.txt", b"|")
    assert download.offered(asked).size == 1
    nation.stop("directory")
    with pytest.raises(FetchError, match="HTTP 502"):
        download.offered(asked)
    nation.mend()
    assert download.offered(asked).size > 1000
    assert snapshot(tmp_path, state).exists()


def test_more_calls_than_seventeen_a_second_are_refused_and_a_patient_reader_is_not(
    resolved: None, state: State, nation: Desk, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask_interface(state, "Organization/001-none")[0], range(40)))
    assert set(answers) == {404, 429}
    nation.directory.forget_record()
    snapshot(tmp_path, state)
    assert nation.directory.record()[-1]["status"] == 200


def test_a_nation_a_month_older_has_other_mailboxes(resolved: None, state: State, nation: Desk, tmp_path: Path) -> None:
    before = addresses(snapshot(tmp_path, state))
    nation.directory.hold(extraction.Nation(LINES, SEED).extraction(day=300))
    after = addresses(snapshot(tmp_path, state))
    assert before - after
    assert after - before


@pytest.fixture
def resolved(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of the lab's world have this lab's address here too."""
    known = socket.getaddrinfo

    def lookup(host: Any, *others: Any, **options: Any) -> Any:
        return known(str(state.world) if str(host).endswith("world.test") else host, *others, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def snapshot(folder: Path, state: State, *, full: bool = False) -> Path:
    """What the FHIR reader hands over."""
    access = fhir.Access(FHIR_URL, "lab-lecture", state.anchors, calls_per_second=17)
    client = fhir.Client(access, rest=time.sleep)
    store, target = folder / "fhir.db", folder / "read"
    return fhir.snapshot(access, store, target, now=datetime.now(UTC), full=full, client=client).path


def addresses(file: Path) -> set[str]:
    with Source(file) as source:
        return {line.address for line in Reading(source)}


def patched(state: State, target: str, verb: str) -> int:
    """The status of a PATCH that adds a mailbox."""
    told = {"url": METADATA, "extension": [{"url": "type", "valueCode": "PER"}]}
    parts = [
        {"name": "type", "valueCode": verb},
        {"name": "path", "valueString": "Practitioner.telecom"},
        {"name": "index", "valueInteger": 0},
        {"name": "value", "valueContactPoint": {"system": "email", "value": BOX, "extension": [told]}},
    ]
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    return ask_interface(state, target, "PATCH", json.dumps(body).encode())[0]


def ask_interface(state: State, path: str, verb: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of a call of the FHIR interface, by an operator."""
    headers = {"ESANTE-API-KEY": OPERATOR_KEY, "Content-Type": "application/fhir+json"}
    connection = _Site(state, ssl.create_default_context(cafile=state.anchors), FHIR_HOST)
    try:
        connection.request(verb, f"/fhir/v2/{path}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


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
    """A site of the nation, the list's unless it is named, found where this lab has it."""

    def __init__(self, state: State, context: ssl.SSLContext, name: str = LIST_HOST) -> None:
        super().__init__(name, timeout=5, context=context)
        self.tls, self.place = context, (str(state.world), 443)

    def connect(self) -> None:
        self.sock = self.tls.wrap_socket(socket.create_connection(self.place, timeout=5), server_hostname=self.host)


def _get(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
) -> tuple[int, http.client.HTTPMessage, bytes]:
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()
