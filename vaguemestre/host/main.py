"""The host's one command: ``python3 /usr/lib/vaguemestre/host.pyz VERB ...``."""

from __future__ import annotations

import sys
from importlib import import_module

# Verb -> its module and what it is for. Modules are imported when called: one verb's library must not slow another,
# nor keep it from running where that library is not installed.
VERBS = {
    "admits": ("vaguemestre.host.admits", "tell whether networks let in whoever is logged in"),
    "annuaire": ("vaguemestre.host.annuaire.admin", "the national directory: show, refresh, approve, history"),
    "delegated": ("vaguemestre.host.delegated", "do what an administrator of one hosted establishment asks, and may"),
    "directory": (
        "vaguemestre.host.mailboxes.seed",
        "seed the local directory, judge its access rules, keep its indices",
    ),
    "mailbox": ("vaguemestre.host.mailboxes.admin", "add, list, suspend and close mailboxes"),
    "moving": ("vaguemestre.host.moving.admin", "hand a domain over to another stack, or take one over"),
    "publication": (
        "vaguemestre.host.annuaire.publication.admin",
        "publish our mailboxes in the national directory; show, plan, report, retry, approve",
    ),
    "replica": ("vaguemestre.host.replica.main", "watch over a replica of the directory"),
    "redlist": ("vaguemestre.host.redlist.admin", "show, change and explain who is written to through a secretariat"),
    "search": ("vaguemestre.host.book.search", "look somebody up in the address book"),
    "sign": ("vaguemestre.host.sign", "sign a document with the host's certificate"),
    "trust": ("vaguemestre.host.trust.admin", "show, look up, approve and renew the white list and revocation"),
    "trust-daemon": ("vaguemestre.host.trust.daemon", "answer nginx and Postfix: who may write to whom"),
}


def main(argv: list[str]) -> int:
    """Run `argv`, a verb and its arguments; the verb's exit code, or 2 when there is no such verb."""
    if not argv or argv[0] not in VERBS:
        print(usage(), file=sys.stderr)
        return 2
    module, _ = VERBS[argv[0]]
    code: int = import_module(module).main(argv[1:])
    return code


def usage() -> str:
    lines = (f"  {verb:<14}{purpose}" for verb, (_, purpose) in sorted(VERBS.items()))
    return "usage: python3 /usr/lib/vaguemestre/host.pyz VERB [ARGUMENT...]\n\n" + "\n".join(lines)
