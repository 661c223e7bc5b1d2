"""What a host tells of itself is read from files, and nothing that is odd there hides the rest."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from vaguemestre.host.activator.disk import Disk
from vaguemestre.host.health import knowledge
from vaguemestre.host.health.apart import ApartError, apart
from vaguemestre.host.health.gathering import certificates, gather
from vaguemestre.host.health.queue import arrival, queue
from vaguemestre.host.health.system import system
from vaguemestre.host.health.validity import ends
from vaguemestre.release import Credential, File, Release

KEY = ec.generate_private_key(ec.SECP256R1())
ME = (os.getuid(), os.getgid())


def pem(until: datetime, serial: int = 1) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "essai.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(until - timedelta(days=10))
        .not_valid_after(until)
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("serial", [1, 2**64, 2**158], ids=["short", "long", "longest"])
@pytest.mark.parametrize("year", [1999, 2026, 2049, 2050, 2999])
def test_the_end_of_a_certificate_is_read_as_cryptography_reads_it(year: int, serial: int) -> None:
    """2049 is the last year of two digits."""
    content = pem(datetime(year, 12, 31, 23, 59, 58, tzinfo=UTC), serial)
    assert ends(content) == (x509.load_pem_x509_certificate(content).not_valid_after_utc,)


def test_every_certificate_of_a_chain_counts() -> None:
    first, second = datetime(2027, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    assert ends(b"who it is of\n" + pem(first) + b"\n" + pem(second)) == (first, second)


def test_no_cut_and_no_flip_of_a_certificate_does_more_than_be_refused() -> None:
    whole = x509.load_pem_x509_certificate(pem(datetime(2027, 1, 1, tzinfo=UTC))).public_bytes(Encoding.DER)
    for place in range(0, len(whole), 3):
        for odd in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            try:
                found = ends(_armoured(odd))
            except ValueError:
                continue
            assert all(isinstance(one, datetime) for one in found)


def _armoured(der: bytes) -> bytes:
    import base64

    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def test_certificates_are_those_of_the_live_release(tmp_path: Path) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    (tmp_path / "etc").mkdir()
    for name, content in {
        "chain.pem": pem(until),
        "key.pem": b"a key",
        "others.pem": b"-----BEGIN CERTIFICATE-----",
    }.items():
        (tmp_path / "etc" / name).write_bytes(content)
    release = Release(
        "a.test",
        "trixie",
        files=(
            File("/etc/others.pem", b"-----BEGIN CERTIFICATE-----"),
            File("/usr/lib/a.pyz", b"-----BEGIN CERTIFICATE-----"),
        ),
        credentials=(
            Credential("/etc/chain.pem", "tls.pem", "0"),
            Credential("/etc/copy.pem", "tls.pem", "0"),
            Credential("/etc/key.pem", "tls.key", "0"),
        ),
    )
    assert certificates(Disk(tmp_path), release) == [
        {"path": "/etc/chain.pem", "own": True, "until": until.timestamp()},
        {"path": "/etc/others.pem", "own": False, "until": None},
    ]


def test_a_long_queue_id_tells_when_its_message_arrived() -> None:
    """Seconds in base 52, as Postfix's mail_queue.h has it."""
    assert arrival("4dFKz93Bjkz1yB") == 1763975989
    assert arrival("0F3A4C8BD2") is None


def test_the_queue_is_counted_through_its_hashed_folders(tmp_path: Path) -> None:
    assert queue(tmp_path) is None
    for name in ("maildrop", "incoming", "active", "deferred/4/d", "hold", "corrupt"):
        (tmp_path / name).mkdir(parents=True)
    for path in ("active/4dFKz93Bjkz1yC", "deferred/4/d/4dFKz93Bjkz1yB", "deferred/0F3A4C8BD2", "corrupt/1"):
        (tmp_path / path).touch()
    told = queue(tmp_path)
    assert told == {
        "maildrop": 0, "incoming": 0, "active": 1, "deferred": 2, "hold": 0, "corrupt": 1, "oldest": 1763975989,
    }  # fmt: skip


def test_the_white_list_is_told_by_its_facts_and_its_age(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/vaguemestre-trust/listing"
    folder.mkdir(parents=True)
    path = folder / f"{'0' * 64}.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE fact (name TEXT, value TEXT)")
        database.executemany(
            "INSERT INTO fact VALUES (?, ?)", [("generated", "2026-11-23T10:00:00+00:00"), ("entries", "8655")]
        )
    (folder / "current").symlink_to(path.name)
    (folder / "confirmed").write_text("2026-11-23T12:00:00+00:00\n")
    told = knowledge.trust(tmp_path)
    assert told["list"] == {
        "generated": "2026-11-23T10:00:00+00:00",
        "entries": "8655",
        "signer_until": None,
        "confirmed": "2026-11-23T12:00:00+00:00",
    }
    assert (told["revocation"], told["quarantine"], told["alarms"]) == ([], False, None)


def test_a_link_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/vaguemestre-trust/listing"
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "current").symlink_to("../../../../secret")
    (folder.parent / "alarms.json").symlink_to(tmp_path / "secret")
    told = knowledge.trust(tmp_path)
    assert told["list"] is None
    assert told["alarms"] is None


def test_whom_a_mailbox_alarm_is_about_stays_on_the_host(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/vaguemestre-trust/redlist"
    folder.mkdir(parents=True)
    alarm = {
        "name": "secretariat",
        "about": "camille.exemple@essai.test",
        "stage": "closed",
        "priority": 2,
        "en": "Camille",
    }
    (folder / "alarms.json").write_text(json.dumps({"at": "2026-11-23T12:00:00+00:00", "alarms": [alarm]}))
    assert "amille" not in json.dumps(knowledge.trust(tmp_path))


def test_what_is_odd_in_one_place_hides_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/vaguemestre-annuaire"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{")
    release = Release("a.test", "trixie", files=(File("/etc/vaguemestre/directory.json", b"{}"),))
    told = gather(Disk(tmp_path), release)
    assert "JSONDecodeError" in told["directory"]["error"]
    assert told["disks"][0]["place"] == "/"
    assert "trust" not in told


def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaguemestre.host.health.apart._PATIENCE", 0.05)
    began = time.monotonic()
    with pytest.raises(ApartError, match="too long"):
        apart(ME, lambda: time.sleep(30))
    assert time.monotonic() - began < 5


def test_a_failure_apart_is_told_by_its_kind_alone() -> None:
    """Its message may quote what only the other account may read."""
    with pytest.raises(ApartError, match=r"^ZeroDivisionError$"):
        apart(ME, lambda: 1 // 0)
    assert apart(ME, os.getpid) != os.getpid()


@pytest.mark.parametrize(
    ("link", "due"), [("boot/vmlinuz-99.9", "kernel 99.9"), (f"boot/vmlinuz-{os.uname().release}", ""), (None, "")]
)
def test_a_restart_is_due_when_another_kernel_would_boot(tmp_path: Path, link: str | None, due: str) -> None:
    if link:
        (tmp_path / "vmlinuz").symlink_to(link)
    assert system(tmp_path)["restart"] == due
