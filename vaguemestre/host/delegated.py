"""The host's verb `delegated`: what an administrator of one hosted establishment may have done here.

sshd starts it instead of whatever was asked (``command=`` in authorized_keys, sshd(8)), by sudo; what was asked stands
in SSH_ORIGINAL_COMMAND. Of the verbs `mailbox` and `redlist` those pass that name mailboxes of the establishment's own
domains, and no others; anything else is refused. Nothing of it ever reaches a shell.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path

from vaguemestre.host.mailboxes.store import SETTINGS

ORIGINAL = "SSH_ORIGINAL_COMMAND"
PATH = "/usr/lib/vaguemestre/host.pyz"
ALLOWED = {
    "mailbox": ("add", "request", "set", "show", "list", "passwd", "suspend", "activate", "close", "restore"),
    "redlist": ("show", "set"),
}
_MODULES = {"mailbox": "vaguemestre.host.mailboxes.admin", "redlist": "vaguemestre.host.redlist.admin"}
_ANYBODY = ("--allow", "--disallow")  # whoever may write past the secretariat is of any operator


class ForbiddenError(Exception):
    """This is not for that administrator; the text says why."""


def main(argv: list[str]) -> int:
    """``delegated STRUCTURE``; the exit code of what was asked, 2 when it is not allowed."""
    try:
        domains = own_domains(argv, json.loads(Path(SETTINGS).read_text())["domains"])
        verb, arguments = allowed(os.environ.get(ORIGINAL, ""), domains)
    except ForbiddenError as error:
        print(json.dumps({"result": "refused", "message": str(error)}))
        return 2
    code: int = import_module(_MODULES[verb]).main(arguments)
    return code


def own_domains(argv: Sequence[str], known: dict[str, dict[str, object]]) -> frozenset[str]:
    """The domains of the structure that is named (``1`` and a FINESS number).

    Raises:
        ForbiddenError: it has none here, or not exactly one is named.
    """
    if len(argv) != 1:
        raise ForbiddenError("delegated STRUCTURE")
    found = frozenset(domain for domain, facts in known.items() if facts["structure"] == argv[0])
    if not found:
        raise ForbiddenError("this establishment has no domain here any more")
    return found


def allowed(original: str, domains: Collection[str]) -> tuple[str, list[str]]:
    """Verb and arguments of what was asked, where every mailbox in them is of these domains.

    Raises:
        ForbiddenError: it is something else, or touches somebody else's mailbox.
    """
    verb, *arguments = _words(original)
    if verb not in ALLOWED or not arguments or arguments[0] not in ALLOWED[verb]:
        raise ForbiddenError("only `mailbox` and `redlist` are for you here, and of your own establishment's mailboxes")
    command, *rest = arguments
    if "--" in rest:  # after it an option is none, and this would not look at what the verb does
        raise ForbiddenError("--: write options as they are")
    if any(_names(word, "--structure") for word in rest):
        raise ForbiddenError("--structure: your mailboxes are your own establishment's")
    for word in _checked(rest) if (verb, command) == ("redlist", "set") else map(_value, rest):
        if "@" in word and word.rpartition("@")[2].strip().lower() not in domains:
            raise ForbiddenError(f"{word}: not a mailbox of yours; yours are in {', '.join(sorted(domains))}")
    if (verb, command) == ("mailbox", "list"):
        return verb, [command, *_confined(rest, domains)]
    if (verb, command) == ("redlist", "show") and not any("@" in word for word in rest):
        raise ForbiddenError("name the mailboxes whose rule is to be shown")
    return verb, [command, *rest]


def _words(original: str) -> list[str]:
    """Without what the controller puts before it: a shell, sudo, the interpreter and this program."""
    try:
        words = shlex.split(original)
        while words[:2] == ["sh", "-c"] and len(words) == 3:
            words = shlex.split(words[2])
    except ValueError:
        words = []
    if words[:2] == ["sudo", "-n"]:
        words = words[2:]
    if words[:1] == ["/usr/bin/python3"]:
        words = words[2:] if words[1:2] == ["-I"] else words[1:]
    if len(words) < 2 or words[0] != PATH:
        raise ForbiddenError("nothing else is done here than `mailbox` and `redlist`")
    return words[1:]


def _checked(words: Sequence[str]) -> list[str]:
    """Values to be looked at; those of options that may name anybody are left out, written with a = or apart."""
    found, skip = [], False
    for word in words:
        if not skip and not word.startswith(tuple(f"{option}=" for option in _ANYBODY)):
            found.append(_value(word))
        skip = word in _ANYBODY
    return found


def _value(word: str) -> str:
    """What stands after the = of an option; else the word itself."""
    return word.partition("=")[2] if word.startswith("--") and "=" in word else word


def _names(word: str, option: str) -> bool:
    """Whether it is this option, or may be short for it (argparse, allow_abbrev)."""
    name = word.partition("=")[0]
    return len(name) > len("--") and (option.startswith(name) or name.startswith(option))


def _confined(words: Sequence[str], domains: Collection[str]) -> list[str]:
    """A list is of one domain of theirs: the one that is named, else their only one."""
    given = [word.partition("=")[2] for word in words if word.startswith("--domain=")]
    named = [one for one in given if one] or (list(domains) if len(domains) == 1 else [])
    if len(named) != 1 or named[0].lower() not in domains or "--domain" in words:
        raise ForbiddenError(f"say which of your domains: --domain={' or --domain='.join(sorted(domains))}")
    return [*(word for word in words if not word.startswith("--domain=")), f"--domain={named[0]}"]
