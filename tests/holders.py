"""Holders of mailboxes for tests. Nobody here exists."""

from __future__ import annotations

from vaguemestre.host.mailboxes.holder import luhn


def rpps(number: int) -> str:
    """An RPPS of nobody, whose key fits."""
    return next(whole for key in range(10) if luhn(whole := f"1{number:09}{key}"))
