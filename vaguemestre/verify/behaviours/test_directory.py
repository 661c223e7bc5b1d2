"""The address book: what mail programs find, and what they must not."""

from __future__ import annotations

import time

import pytest

from vaguemestre.establishment import Fleet, RoleName
from vaguemestre.verbs.mailbox import MailboxError
from vaguemestre.verify.address_book import AddressBookError
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.site import Site

# Attributes in lower case; none of them is for mail programs.
NEVER = {"userpassword", "vgmresponsible", "vgmstate", "vgmredlist", "vgmsecretariat", "vgmallowed", "vgmquotamib"}
SECONDS_TO_REPLICATE = 10


@pytest.mark.requirement(55, 59)
def test_found(site: Site, team: Correspondent) -> None:
    """A mail program finds a team by its address over TLS, without a login, and sees nothing that is not public."""
    for book in site.address_books():
        end = time.monotonic() + SECONDS_TO_REPLICATE
        while (entry := book.find(team.address)) is None and time.monotonic() < end:
            time.sleep(0.5)
        assert entry, f"{book.name} does not know {team.address}"
        assert not NEVER & entry.keys(), f"{book.name} shows {', '.join(sorted(NEVER & entry.keys()))}"


def test_programs_are_not_found(site: Site, probe: Correspondent) -> None:
    """The mailbox of a program (APP) is not in the address book."""
    assert [book.name for book in site.address_books() if book.find(probe.address)] == []


def test_wrong_password(site: Site, team: Correspondent) -> None:
    """A wrong password opens no address book."""
    for book in site.address_books():
        with pytest.raises(AddressBookError):
            book.find(team.address, login=team.address, password="faux-" + team.password)


@pytest.mark.requirement(59, 60)
def test_national_directory(site: Site, fleet: Fleet) -> None:
    """The nation's directory is held, lately confirmed, and nothing of it waits for approval."""
    from vaguemestre.verbs import directory

    if not site.host.has(RoleName.DIRECTORY):
        pytest.skip("the host has no role directory: it knows its own mailboxes only")
    name = site.host.name
    said = directory.ask(fleet, (name,), ("show",)).said[name]
    if not said["held"] and not any(one["asked"] for one in said["sources"]):  # provisioned a moment ago
        directory.ask(fleet, (name,), ("refresh", "--now"))
        said = directory.ask(fleet, (name,), ("show",)).said[name]
    assert said["held"], f"nothing is held: {said['trouble'] or said['sources']}"
    assert not said["alarms"], said["alarms"]
    assert not said["waiting"], said["waiting"]["summary"]


def test_replicas_follow(site: Site, fleet: Fleet) -> None:
    """Every replica of the directory says what its provider says."""
    from vaguemestre.verbs import replicas

    names = [host.name for host in site.operator.replicas]
    answers = replicas.ask(fleet, names) if names else None
    assert answers is None or {one["result"] for one in answers.plain().values()} <= {"current", "catching up"}


@pytest.mark.requirement(51)
def test_a_person_needs_a_number(site: Site, fleet: Fleet) -> None:
    """No mailbox of a person is opened without the number by which the nation knows them."""
    with pytest.raises(MailboxError, match="RPPS"):
        site.mailboxes(fleet).add(f"verification-sans-numero@{site.domain}", "--type=PER", "--surname=Exemple")


@pytest.mark.requirement(52)
def test_type_never_changes(site: Site, fleet: Fleet, team: Correspondent) -> None:
    """An address that is given keeps the type of its mailbox."""
    with pytest.raises(MailboxError, match="never changes"):
        site.mailboxes(fleet).add(team.address, "--type=APP", "--description=Autre")
