"""How numbers and limits are told to people."""

from __future__ import annotations

FEW = 20
"""So many lines or mailboxes speak against nothing, however short a file is."""


def many(number: int, what: str) -> str:
    """``1 mailbox``, ``2,000 mailboxes``."""
    plural = f"{what}es" if what.endswith("x") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"


def crossed(number: int, of: int, percent: float, what: str) -> str:
    """That a share is more than the limit of `percent`; empty when it is not, or when the number is a few."""
    share = 100 * number / of if of else 0.0
    if number <= FEW or share <= percent:
        return ""
    return f"{number:,} of {of:,} ({share:.1f} %) {what}; {percent:g} % is the limit"
