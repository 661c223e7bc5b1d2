"""What may be asked of the host's verb `mailbox`."""

from __future__ import annotations

import argparse

TO = {"suspend": "suspended", "activate": "active", "close": "closed"}
DETAILS = {  # option -> field of Mailbox that may change
    "surname": "surname",
    "given": "given",
    "name": "display",
    "service": "service",
    "responsible": "responsible",
    "description": "description",
    "profession": "profession",
    "speciality": "speciality",
    "paperless": "paperless",
    "by": "paperless_by",
}
NUMBERS = {"quota": "quota_mib", "rank": "rank"}
HOLDER = {  # option -> field that is given once
    "rpps": "person",
    "structure": "structure",
    "redlist": "redlist",
    "secretariat": "secretariat",
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="mailbox", description="Mailboxes (BAL) of this host.", allow_abbrev=False)
    commands = made.add_subparsers(dest="command", required=True)
    for verb, purpose in (("add", "open a mailbox"), ("request", "prepare one that receives nothing yet")):
        _beginning(commands.add_parser(verb, help=purpose, allow_abbrev=False))
    _details(_of(commands, "set", "change details"), default=None)
    for verb in ("show", *TO, "restore", "passwd"):
        _of(commands, verb, _PURPOSES[verb])
    listing = commands.add_parser("list", help="show the mailboxes", allow_abbrev=False)
    listing.add_argument("--state", default="")
    listing.add_argument("--domain", default="")
    listing.add_argument("--count", action="store_true", help="only how many of each")
    for verb in ("add", "activate", "restore", "passwd"):
        told = "read the password from stdin instead of making one"
        commands.choices[verb].add_argument("--password-stdin", action="store_true", help=told)
    staff = commands.add_parser("import", help="bring mailboxes to a list of staff, JSON on stdin")
    staff.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    staff.add_argument("--expect", default="", metavar="DIGEST", help="do it only if the plan is this one")
    commands.add_parser("expire", help="quarantine and purge what is due (retention of the inventory)")
    commands.add_parser("purge", help="remove the mail of purged mailboxes from this host")
    return made


_PURPOSES = {
    "show": "all that is known of it",
    "suspend": "no login; mail arrives and waits",
    "activate": "open a requested or suspended mailbox",
    "close": "no login, no mail",
    "restore": "open what was closed, for the same holder",
    "passwd": "give a new password",
}


def _of(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], verb: str, purpose: str
) -> argparse.ArgumentParser:
    one = commands.add_parser(verb, help=purpose, allow_abbrev=False)
    one.add_argument("address")
    return one


def _beginning(one: argparse.ArgumentParser) -> None:
    one.add_argument("address")
    one.add_argument("--type", required=True)
    one.add_argument("--staff-id", default="", help="the establishment's own number of a person without RPPS")
    for option in HOLDER:
        one.add_argument(f"--{option}", default="")
    _details(one, default="")


def _details(one: argparse.ArgumentParser, default: str | None) -> None:
    """What was not asked stays `default`; for numbers 0, or None as well."""
    for option in DETAILS:
        one.add_argument(f"--{option}", default=default)
    for option in NUMBERS:
        one.add_argument(f"--{option}", type=int, default=None if default is None else 0)
    one.add_argument("--sender", action="append", metavar="ADDRESS", help="who may send as it; each one once")
