"""What an administrator may say of a mailbox is what its host understands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields

import pytest

from vaguemestre.cli import mailbox_add
from vaguemestre.cli.mailbox_details import options
from vaguemestre.cli.mailbox_showing import _LABELS
from vaguemestre.host.mailboxes.bal import FIXED, Mailbox
from vaguemestre.host.mailboxes.opening import CHANGEABLE
from vaguemestre.host.mailboxes.parser import DETAILS, HOLDER, NUMBERS, parser
from vaguemestre.host.mailboxes.store import ATTRIBUTES

# Of the controller alone: where things are, how to answer, and what it works out before it asks.
ITS_OWN = {"address", "inventory", "as_json", "password_stdin", "establishment", "requested"}


def said(command: Callable[..., None]) -> dict[str, object]:
    """Every option of the command with some value."""
    names = set(inspect.signature(command).parameters) - ITS_OWN - {"sender"}
    return {name.replace("kind", "type").replace("_", "-"): 1 if name in NUMBERS else "x" for name in names}


@pytest.mark.parametrize(("command", "verbs"), [(mailbox_add.add, ("add", "request")), (mailbox_add.set_, ("set",))])
def test_the_host_understands_every_option(command: Callable[..., None], verbs: tuple[str, ...]) -> None:
    for verb in verbs:
        words = options(said(command), ["a@b.test", ""])
        asked = parser().parse_args([verb, "x@y.test", *words])
        assert asked.sender == ["a@b.test", ""]
        assert asked.service == "x"


def test_what_is_not_said_is_not_asked() -> None:
    asked = parser().parse_args(["set", "x@y.test"])
    assert {getattr(asked, option) for option in (*DETAILS, *NUMBERS, "sender")} == {None}
    assert options({"service": None, "name": ""}, None) == ["--name="]


def test_every_detail_can_be_said_and_nothing_that_never_changes() -> None:
    assert {*DETAILS.values(), *NUMBERS.values(), "senders"} == set(CHANGEABLE)
    assert not set(FIXED) & set(CHANGEABLE)
    assert {"person", "structure"} <= set(HOLDER.values())


def test_every_field_of_a_mailbox_is_kept_and_shown() -> None:
    names = {one.name for one in fields(Mailbox)}
    assert names == set(ATTRIBUTES)
    assert names - set(_LABELS) == set()
