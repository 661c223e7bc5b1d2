"""A room of role dovecot: Debian 12's Dovecot 2.3, whose configuration is written in another language than 2.4's.

What its main file cannot say is in files of their own: each question to the directory, and in Lua how the address of
what goes to a secretariat is read, for which 2.3 has no expression. Mail, indexes and filters lie on the disk as 2.4
keeps them, so that a host becomes Debian 13 with all its mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vaguemestre.host.mailboxes.store import MAILBOXES
from vaguemestre.release import File
from vaguemestre.render import file

PACKAGES = ("auth-lua",)
VARIANT = "bookworm"
_FOLDER = "/etc/dovecot"


def files(**values: Any) -> Iterator[File]:
    """The main file, filled with what 2.4's is filled with, and those that it names."""
    yield file("dovecot", f"{_FOLDER}/dovecot.conf", variant=VARIANT, **values)
    for question in ("login", "mailbox", "handed", "secretariat"):
        yield file("dovecot", f"{_FOLDER}/{question}.conf.ext", variant=VARIANT, mailboxes=MAILBOXES)
    yield file("dovecot", f"{_FOLDER}/handed.lua", variant=VARIANT)
