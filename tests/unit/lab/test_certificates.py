"""Certificates are made once, kept while they serve, and made again when they no longer would."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from vaguemestre.lab.certificates import ensure_authority, ensure_certificate, subjects
from vaguemestre.lab.keys import ensure_key
from vaguemestre.pki.authority import Authority, CertificateRequest
from vaguemestre.pki.profiles import now

LENS = CertificateRequest("mail.lens.test", "CH DE LENS", "Pas-de-Calais (62)", "1620100685")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


def test_a_certificate_is_kept_while_it_serves(authority: Authority, tmp_path: Path) -> None:
    assert ensure_certificate(authority, LENS, tmp_path)
    assert not ensure_certificate(authority, LENS, tmp_path)


def test_the_chain_is_leaf_then_issuer_and_the_key_is_for_its_owner(authority: Authority, tmp_path: Path) -> None:
    ensure_certificate(authority, LENS, tmp_path)
    leaf, issuer = x509.load_pem_x509_certificates((tmp_path / LENS.host / "tls.pem").read_bytes())
    leaf.verify_directly_issued_by(issuer)
    key = tmp_path / LENS.host / "tls.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_another_subject_another_authority_or_an_ended_date_asks_for_a_new_one(
    authority: Authority, tmp_path: Path
) -> None:
    ensure_certificate(authority, LENS, tmp_path)
    assert ensure_certificate(authority, replace(LENS, organisation="CENTRE HOSPITALIER DE LENS"), tmp_path)
    assert ensure_certificate(Authority.create(), LENS, tmp_path)
    ended = authority.issue(LENS, not_before=now() - timedelta(days=9), not_after=now() - timedelta(days=1))
    (tmp_path / LENS.host / "tls.pem").write_bytes(ended.chain_pem())
    assert ensure_certificate(authority, LENS, tmp_path)


def test_a_host_whose_certificate_was_revoked_gets_a_new_one(authority: Authority, tmp_path: Path) -> None:
    ensure_certificate(authority, LENS, tmp_path)
    authority.revoke(x509.load_pem_x509_certificate((tmp_path / LENS.host / "tls.pem").read_bytes()).serial_number)
    assert ensure_certificate(authority, LENS, tmp_path)
    assert not ensure_certificate(authority, LENS, tmp_path)


def test_what_an_administrator_sealed_is_theirs_whatever_its_subject(authority: Authority, tmp_path: Path) -> None:
    other = replace(LENS, structure="362010068500012")
    ensure_certificate(authority, other, tmp_path)
    key = tmp_path / LENS.host / "tls.key"
    key.write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n3939\n")
    assert not ensure_certificate(authority, LENS, tmp_path)
    assert [dn.split(",")[1] for dn in subjects(authority, LENS, tmp_path)] == ["OU=1620100685", "OU=362010068500012"]
    assert ensure_certificate(Authority.create(), LENS, tmp_path)
    assert key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY")


def test_an_authority_is_made_once(tmp_path: Path) -> None:
    first = ensure_authority(tmp_path / "authority")
    assert ensure_authority(tmp_path / "authority").issuing.leaf == first.issuing.leaf


def test_an_ssh_key_is_made_once_for_its_owner(tmp_path: Path) -> None:
    line = ensure_key(tmp_path / "id", "lab")
    assert line.startswith("ssh-ed25519 ")
    assert line.endswith(" lab")
    assert ensure_key(tmp_path / "id", "lab") == line
    assert (tmp_path / "id").stat().st_mode & 0o777 == 0o600
