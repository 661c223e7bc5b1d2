"""The two stores: what was written is found; what was spoilt is as if nothing were known; nothing ever raises."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from trust_nation import HOUR, NATION, START, dn, lines

from vaguemestre.host.trust import database, durable, store
from vaguemestre.host.trust.dn import key
from vaguemestre.host.trust.revocation import RevocationList
from vaguemestre.host.trust.store import ListingStore, RevocationStore, write_listing, write_revocations
from vaguemestre.host.trust.values import Standing
from vaguemestre.host.trust.whitelist import WhiteList, read
from vaguemestre.lab.listing import Line

DAY = 24 * HOUR
ISSUER = b"i" * 16


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores look for a new file at each question, instead of five times a second."""
    monkeypatch.setattr(database, "LOOK_EVERY", 0.0)


def white_list(*some: Line) -> WhiteList:
    xml = NATION.white_list(some or lines(30), START)
    anchors = [NATION.authority.issuing.leaf, NATION.authority.root.leaf]
    return read(xml, anchors=anchors, signer="alb.mssante.test", at=None, now=START, max_bytes=1 << 22)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_listing(tmp_path, white_list(), confirmed=START)
    return tmp_path


def listing(folder: Path) -> ListingStore:
    return ListingStore(folder, DAY)


def believed(one: ListingStore) -> bool:
    """Whether anything at all is said to be so."""
    said = (one.listed("etab-1.mssante.test"), one.speaks_for(key(dn(1)), "etab-1.mssante.test"), one.knows(key(dn(1))))
    assert len({*said, one.fresh(START), one.available}) == 1, "the answers disagree"
    assert bool(one.facts()) is said[0]
    return said[0]


def test_who_speaks_for_what_is_found_as_it_was_listed(folder: Path) -> None:
    held = listing(folder)
    assert held.generated == START
    assert held.listed("etab-1.mssante.test")
    assert held.speaks_for(key(dn(1)), "etab-1.mssante.test")
    assert held.knows(key(dn(1)))
    assert not held.speaks_for(key(dn(2)), "etab-1.mssante.test")
    assert not held.listed("mssante.test")
    assert not held.listed("sub.etab-1.mssante.test")
    assert not held.knows(key(dn(99)))


def test_several_names_speak_for_one_domain(tmp_path: Path) -> None:
    both = (Line("etab-1.mssante.test", dn(1)), Line("etab-1.mssante.test", dn(2)), Line("b.test", dn(2)))
    write_listing(tmp_path, white_list(*both, both[0]), confirmed=START)
    held = listing(tmp_path)
    assert [held.speaks_for(key(dn(one)), "etab-1.mssante.test") for one in (1, 2, 3)] == [True, True, False]
    assert not held.speaks_for(key(dn(1)), "b.test")
    facts = held.facts()
    assert facts is not None
    assert (facts.entries, facts.domains, facts.operators) == (4, 2, 2)


def test_entries_are_read_back_as_they_were_written(folder: Path) -> None:
    (one,) = listing(folder).entries("etab-7.mssante.test")
    assert (one.written, one.dn, one.updated[:10]) == (dn(7), key(dn(7)), "2026-01-15")


@pytest.mark.parametrize("text", ["", "\udc80", "a\x00b", "'; DROP TABLE pair", "é.test", "x" * 100_000])
def test_a_domain_of_any_spelling_is_only_not_listed(folder: Path, text: str) -> None:
    held = listing(folder)
    assert not held.listed(text)
    assert believed(held)


def test_a_new_list_is_seen_without_being_opened_anew(folder: Path) -> None:
    held = listing(folder)
    assert not held.listed("etab-40.mssante.test")
    write_listing(folder, white_list(*lines(50)), confirmed=START)
    assert held.listed("etab-40.mssante.test")


def test_the_one_in_force_and_the_one_before_are_kept(folder: Path) -> None:
    for number in (31, 32, 33):
        write_listing(folder, white_list(*lines(number)), confirmed=START)
    assert len(list(folder.glob("*.db"))) == durable.KEPT
    assert durable.sha256(folder / "current") == (folder / "current").readlink().stem
    assert not list(folder.glob(".new-*"))


def test_without_a_list_nothing_is_believed(tmp_path: Path) -> None:
    assert not believed(listing(tmp_path))
    assert not believed(listing(tmp_path / "missing"))


def spoilt(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "flipped":
        path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "grown":
        path.write_bytes(content + b"\x00")
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.unlink()


SPOILT = ["flipped", "cut", "grown", "emptied", "folder", "gone"]


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_file_is_no_list(folder: Path, how: str) -> None:
    spoilt(folder / (folder / "current").readlink(), how)
    held = listing(folder)
    assert not believed(held)
    assert held.trouble


@pytest.mark.parametrize("how", SPOILT)
def test_a_file_that_is_spoilt_under_the_reader_is_no_list_any_longer(folder: Path, how: str) -> None:
    held = listing(folder)
    assert believed(held)
    spoilt(folder / (folder / "current").readlink(), how)
    assert not believed(held)


@pytest.mark.parametrize("how", SPOILT)
def test_before_that_is_noticed_nobody_is_refused_for_good(
    folder: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read any more must not look like a domain that left the list: it is then not fresh either."""
    monkeypatch.setattr(database, "LOOK_EVERY", 60.0)
    held = listing(folder)
    assert held.available
    spoilt(folder / (folder / "current").readlink(), how)
    for number in range(30):
        assert held.listed(f"etab-{number}.mssante.test") or not held.fresh(START)


def test_a_list_that_is_good_again_is_believed_again(folder: Path) -> None:
    held = listing(folder)
    spoilt(folder / (folder / "current").readlink(), "cut")
    assert not believed(held)
    write_listing(folder, white_list(), confirmed=START)
    assert believed(held)


@pytest.mark.parametrize("target", ["../../etc/passwd", "x.db", "/dev/zero", "0" * 64 + ".db", "a/" + "0" * 64 + ".db"])
def test_current_leads_nowhere_but_to_a_database_beside_it(folder: Path, target: str) -> None:
    (folder / "current").unlink()
    (folder / "current").symlink_to(target)
    assert not believed(listing(folder))


def test_a_list_is_fresh_for_the_time_it_was_confirmed_for(folder: Path) -> None:
    held = listing(folder)
    assert [held.fresh(START + after) for after in (timedelta(0), DAY - timedelta(seconds=1), DAY)] == [
        True,
        True,
        False,
    ]
    store.confirm(folder, START + DAY)
    assert held.fresh(START + DAY)


@pytest.mark.parametrize("written", [b"", b"yesterday", b"2026-11-23T06:00:00", b"\xff\xfe"])
def test_a_confirmation_that_cannot_be_read_is_none(folder: Path, written: bytes) -> None:
    (folder / "confirmed").write_bytes(written)
    assert not listing(folder).fresh(START)


def test_a_confirmation_of_the_future_is_none(folder: Path) -> None:
    assert not listing(folder).fresh(START - HOUR)


def revocations(folder: Path, *serials: int, issuer: bytes = ISSUER) -> RevocationStore:
    one = RevocationList(issuer, "CN=TEST", 3, START, START + DAY, frozenset(serials))
    write_revocations(folder, [one])
    return RevocationStore(folder, 4 * HOUR)


LONG = (1 << 159) + 12345  # twenty octets, the longest serial number there may be (RFC 5280 section 4.1.2.2)


@pytest.mark.parametrize("serial", [0, 1, 255, LONG, -7])
def test_a_revoked_serial_number_of_any_length_is_found(tmp_path: Path, serial: int) -> None:
    held = revocations(tmp_path, serial)
    assert held.standing(ISSUER, serial, START) is Standing.REVOKED
    assert held.standing(ISSUER, serial + 1, START) is Standing.GOOD


@pytest.mark.parametrize(
    ("after", "good"),
    [(-HOUR, Standing.UNKNOWN), (timedelta(0), Standing.GOOD), (DAY + 3 * HOUR, Standing.GOOD),
     (DAY + 5 * HOUR, Standing.UNKNOWN)],
)  # fmt: skip
def test_good_ends_with_the_grace_and_revoked_never(tmp_path: Path, after: timedelta, good: Standing) -> None:
    held = revocations(tmp_path, 7)
    assert held.standing(ISSUER, 8, START + after) is good
    assert held.standing(ISSUER, 7, START + after) is Standing.REVOKED


def test_another_authoritys_list_says_nothing(tmp_path: Path) -> None:
    held = revocations(tmp_path, 7)
    assert held.standing(b"o" * 16, 7, START) is Standing.UNKNOWN


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_file_knows_of_no_revocation_and_says_so(tmp_path: Path, how: str) -> None:
    held = revocations(tmp_path, 7)
    assert held.standing(ISSUER, 8, START) is Standing.GOOD
    spoilt(tmp_path / (tmp_path / "current").readlink(), how)
    assert held.standing(ISSUER, 8, START) is Standing.UNKNOWN
    assert held.known() == ()
    assert held.trouble


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.write(path, b"old")
    (tmp_path / ".new-file").mkdir()  # nothing can be begun there
    with pytest.raises(OSError, match="directory"):
        durable.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert path.stat().st_mode & 0o777 == durable.MODE
