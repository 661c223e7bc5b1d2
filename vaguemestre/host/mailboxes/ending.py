"""What timers do at the end of a mailbox's life: `expire` moves states on, `purge` removes mail.

They are two jobs, for an operator may keep its directory and its mail on different hosts. What was done stands in the
journal, one line each, and nothing else.
"""

from __future__ import annotations

import sys

from vaguemestre.host.mailboxes.expiry import expired
from vaguemestre.host.mailboxes.here import now, site
from vaguemestre.host.mailboxes.purge import UnsafeError, remove
from vaguemestre.host.mailboxes.store import EntryError, Store, StoreError, one_entry
from vaguemestre.host.mailboxes.store import opened as directory


def main(command: str) -> int:
    """Run `expire` or `purge`; 0 done or nothing to do, 1 failed, at least in part."""
    try:
        with directory() as store:
            failures = expire(store) if command == "expire" else purge(store)
    except (StoreError, OSError) as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    return 1 if failures else 0


def expire(store: Store) -> int:
    """Bring everything that is due to its next state; the number of those that failed."""
    here = site()
    due = expired(store.all(), here, now(), here.max_purged)
    failures = 0
    for before, after in due.steps:
        try:
            with one_entry():
                store.change(before, after)
            print(f"{before.address} was {before.state} since {before.since} and is {after.state} now", flush=True)
        except EntryError as error:
            failures += 1
            print(f"{before.address} stays {before.state}: {error}", file=sys.stderr)
    if due.waiting:
        print(f"{due.waiting} more are due; at most {here.max_purged} are purged in one day (retention.max_purged)")
    return failures


def purge(store: Store) -> int:
    """Remove the mail of every purged mailbox that still has some; the number of those that failed.

    The state is asked again right before each: an address may have begun anew.
    """
    failures = 0
    for box in store.all("purged"):
        try:
            found = store.get(box.address)
            if found and found.state == "purged" and remove(box.address):
                print(f"{box.address} is purged since {box.since}: its mail was removed", flush=True)
        except (UnsafeError, OSError) as error:
            failures += 1
            print(f"{box.address}: its mail was not removed: {error}", file=sys.stderr)
    return failures
