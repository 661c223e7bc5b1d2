"""The mail of a purged mailbox goes, and nothing besides: no link is followed, no name leads out of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaguemestre.host.mailboxes.purge import UnsafeError, remove

ANNE = "anne@pasteur.test"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A mail store with two mailboxes, and something beside it that is none of its business."""
    for address in (ANNE, "paul@pasteur.test"):
        local, _, domain = address.partition("@")
        inbox = tmp_path / "vmail" / domain / local / "Maildir" / "cur"
        inbox.mkdir(parents=True)
        (inbox / "1").write_text("Bonjour")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    return tmp_path / "vmail"


def left(store: Path) -> set[str]:
    return {str(path.relative_to(store.parent)) for path in store.parent.rglob("*") if not path.is_dir()}


PAUL, OUTSIDE = "vmail/pasteur.test/paul/Maildir/cur/1", "outside/kept"


def test_one_mailbox_is_removed_once_and_no_other(store: Path) -> None:
    assert remove(ANNE, store)
    assert left(store) == {PAUL, OUTSIDE}
    assert not remove(ANNE, store)
    assert not remove("personne@ailleurs.test", store)


def test_what_a_removal_left_half_done_is_removed_by_the_next(store: Path) -> None:
    (store / "pasteur.test/anne/Maildir/cur/1").unlink()
    assert remove(ANNE, store)
    assert left(store) == {PAUL, OUTSIDE}


def test_a_link_in_a_mailbox_goes_and_what_it_leads_to_stays(store: Path) -> None:
    inside = store / "pasteur.test/anne"
    (inside / "filter").symlink_to(store.parent / "outside")
    (inside / "Maildir" / "cur" / "2").symlink_to(store.parent / "outside" / "kept")
    assert remove(ANNE, store)
    assert left(store) == {PAUL, OUTSIDE}


@pytest.mark.parametrize("planted", ["vmail/pasteur.test/anne", "vmail/pasteur.test", "vmail"])
def test_a_link_in_the_place_of_a_folder_is_left_for_a_person(store: Path, planted: str) -> None:
    place = store.parent / planted
    place.rename(store.parent / "moved")
    place.symlink_to(store.parent / "moved" if planted != "vmail/pasteur.test/anne" else store.parent / "outside")
    before = left(store)
    with pytest.raises(UnsafeError, match="no folder"):
        remove(ANNE, store)
    assert left(store) == before


def test_a_file_in_the_place_of_a_folder_is_left_for_a_person(store: Path) -> None:
    (store / "pasteur.test/marie").write_text("?")
    with pytest.raises(UnsafeError, match="no folder"):
        remove("marie@pasteur.test", store)


@pytest.mark.parametrize(
    "address",
    ["", "anne", "@pasteur.test", "anne@", "..@pasteur.test", "anne@..", ".@.", "a/../anne@pasteur.test",
     "anne@pasteur.test/..", "anne@/etc", "anne@pasteur..test", "ANNE@pasteur.test", "*@pasteur.test", "anne\n@x"],
)  # fmt: skip
def test_what_is_no_address_of_ours_removes_nothing(store: Path, address: str) -> None:
    before = left(store)
    with pytest.raises(UnsafeError, match="no address"):
        remove(address, store)
    assert left(store) == before
