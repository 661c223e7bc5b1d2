"""An administrator of a hosted establishment does what concerns its own mailboxes on the operator's host, no more."""

from __future__ import annotations

import pytest

from vaguemestre.host.delegated import ForbiddenError, allowed, own_domains

OURS = ("cedre.test",)
BEGINNING = "sudo -n /usr/bin/python3 /usr/lib/vaguemestre/host.pyz "


@pytest.mark.parametrize(
    "asked",
    [
        "mailbox add anne@cedre.test --type=PER --password-stdin",
        "mailbox close Anne@Cedre.test",
        "redlist set anne@cedre.test secretariat --secretariat bureau@cedre.test --allow @chu.test --allow=b@chu.test",
        "redlist show anne@cedre.test",
    ],
)
def test_what_concerns_own_mailboxes_passes_as_it_was_asked(asked: str) -> None:
    verb, *arguments = asked.split()
    assert allowed(BEGINNING + asked, OURS) == (verb, arguments)
    assert allowed(f"sh -c '{BEGINNING}{asked}'", OURS) == (verb, arguments)


@pytest.mark.parametrize(
    "asked",
    [
        "mailbox close jean@chu.test",
        "mailbox close anne@cedre.test jean@chu.test",
        "mailbox add anne@cedre.test --type=ORG --sender=jean@chu.test",
        "mailbox add anne@cedre.test --type=ORG --sender jean@chu.test",
        "mailbox add anne@cedre.test --type=ORG --structure=1760000999",
        "mailbox set anne@sous.cedre.test --quota=9",
        "redlist set anne@cedre.test secretariat --secretariat bureau@chu.test",
        "redlist set anne@cedre.test --allow b@chu.test jean@chu.test",
        "mailbox add anne@cedre.test --type=ORG --struct=1760000999",
        "mailbox set --description -- --allow jean@chu.test",
        "mailbox set anne@cedre.test --description --allow jean@chu.test",
        "redlist set --secretariat -- --allow jean@chu.test",
        "redlist show --allow jean@chu.test",
        "redlist show",
        "redlist explain a@b.test anne@cedre.test",
        "mailbox import --dry-run",
        "mailbox purge",
        "mailbox list --domain=chu.test",
        "moving leave cedre.test",
        "trust approve",
        "mailbox",
    ],
)
def test_whatever_else_is_refused(asked: str) -> None:
    with pytest.raises(ForbiddenError):
        allowed(BEGINNING + asked, OURS)


@pytest.mark.parametrize(
    "asked", ["", "id", "bash -i", "sh -c 'id'", "/usr/bin/python3 -c 1", "sudo -n cat /etc/shadow", "'"]
)
def test_nothing_reaches_a_shell(asked: str) -> None:
    with pytest.raises(ForbiddenError):
        allowed(asked, OURS)


def test_a_list_is_of_own_mailboxes_however_it_is_asked() -> None:
    for asked in ("list", "list --domain=", "list --dom=chu.test", "list --state=active --domain=cedre.test"):
        assert allowed(f"{BEGINNING}mailbox {asked}", OURS)[1][-1] == "--domain=cedre.test"


def test_an_establishment_that_is_no_longer_served_has_nothing_here() -> None:
    known: dict[str, dict[str, object]] = {
        "cedre.test": {"structure": "1760000997"},
        "chu.test": {"structure": "1760000999"},
    }
    assert own_domains(["1760000997"], known) == {"cedre.test"}
    with pytest.raises(ForbiddenError):
        own_domains(["1990000999"], known)
