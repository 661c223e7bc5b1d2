"""A new database takes the old one's place: whole, once, and the old one comes back when slapd does not like it."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden.hosts import context

from roles import openldap
from vaguemestre.host.annuaire import loading
from vaguemestre.host.annuaire.loading import LoadError, Swap, database, redirected
from vaguemestre.host.mailboxes.store import NATIONAL
from vaguemestre.host.trust import durable
from vaguemestre.release import File

CONFIGURATION = next(
    item.content.decode()
    for item in openldap.items(context("fullest", "mail.ch-lens"))
    if isinstance(item, File) and item.path == openldap.CONFIGURATION
)


class KilledError(BaseException):
    """As SIGKILL: nothing catches it."""


class Slapd:
    """What slapd would serve: what lay in its folder when it was last restarted. Some databases it does not like."""

    def __init__(self, live: Path, dislikes: str = "") -> None:
        self.live, self.dislikes, self.restarts = live, dislikes, 0
        self.serves = self.there()

    def there(self) -> str:
        return (self.live / "data.mdb").read_text()

    def restart(self) -> None:
        self.restarts += 1
        self.serves = self.there()
        if self.serves == self.dislikes:
            raise LoadError("slapd does not answer after its restart")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    folder = tmp_path / "national"
    folder.mkdir()
    (folder / "data.mdb").write_text("old")
    (tmp_path / "national.new").mkdir()
    (tmp_path / "national.new" / "data.mdb").write_text("new")
    return folder


def test_the_configuration_that_a_role_writes_says_where_the_database_is() -> None:
    assert database(CONFIGURATION) == Path("/var/lib/ldap/national")


def test_only_that_database_is_made_elsewhere() -> None:
    elsewhere = redirected(CONFIGURATION, Path("/var/lib/ldap/national.new"))
    changed = [
        pair for pair in zip(CONFIGURATION.splitlines(), elsewhere.splitlines(), strict=True) if len({*pair}) > 1
    ]
    assert changed == [("directory /var/lib/ldap/national", "directory /var/lib/ldap/national.new")]
    assert database(elsewhere) == Path("/var/lib/ldap/national.new")


def test_a_configuration_without_that_database_is_refused() -> None:
    with pytest.raises(LoadError, match=NATIONAL):
        database('database mdb\nsuffix "o=vaguemestre"\ndirectory /var/lib/ldap/vaguemestre\n')


def test_the_new_one_is_served_after_one_restart(live: Path) -> None:
    slapd = Slapd(live)
    Swap(live, slapd.restart).take()
    assert (slapd.serves, slapd.restarts) == ("new", 1)
    assert [one.name for one in live.parent.iterdir() if one.name != "national.new"] == ["national"]


def test_a_slapd_that_does_not_come_back_gets_the_old_one_again(live: Path) -> None:
    slapd = Slapd(live, dislikes="new")
    with pytest.raises(LoadError):
        Swap(live, slapd.restart).take()
    assert (slapd.serves, slapd.there()) == ("old", "old")


@pytest.mark.parametrize("steps", range(4))
def test_killed_anywhere_the_next_run_has_slapd_serve_what_is_there(
    live: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slapd, left = Slapd(live), [steps]
    real = durable.sync

    def dying(folder: Path) -> None:
        if not left[0]:
            raise KilledError
        left[0] -= 1
        real(folder)

    monkeypatch.setattr(loading.durable, "sync", dying)
    try:
        Swap(live, slapd.restart).take()
    except KilledError:
        monkeypatch.undo()
        Swap(live, slapd.restart).recover()
    assert slapd.serves == slapd.there() in ("old", "new")
    assert not live.with_name("national.before.mdb").exists()


def test_the_first_database_of_all_needs_no_old_one(live: Path) -> None:
    slapd = Slapd(live)
    (live / "data.mdb").unlink()
    Swap(live, slapd.restart).take()
    assert slapd.serves == "new"


def test_nothing_is_restarted_when_nothing_was_left_undone(live: Path) -> None:
    slapd = Slapd(live)
    Swap(live, slapd.restart).recover()
    assert slapd.restarts == 0


def test_what_slapadd_says_names_nobody(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w+b") as said:
        said.write(b'first\nslapadd: could not add entry dn="mail=camille.fictif@clinique.mssante.test,ou=x"\n')
        assert "camille" not in loading._last(said)
        assert "could not add" in loading._last(said)
