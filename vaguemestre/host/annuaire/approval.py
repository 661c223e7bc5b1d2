"""A person's word for an extraction that was held back: for this one, once."""

from __future__ import annotations

from dataclasses import replace

from vaguemestre.host.annuaire import state
from vaguemestre.host.annuaire.run import Run

_SHORTEST = 8  # characters of a digest that may stand for the whole


class ApprovalError(Exception):
    """Nothing is taken; `str()` says why and the way out."""


def approve(run: Run, digest: str, by: str) -> None:
    """Take what waits, when it is what the administrator means: each extraction is approved of by itself.

    Raises:
        ApprovalError: nothing waits, or another one than was looked at, or it is not whole any more.
        OSError: the disk.
    """
    waiting = run.state.waiting
    if waiting is None:
        raise ApprovalError("no extraction waits for approval")
    kept = waiting.kept
    if len(digest) < _SHORTEST or not kept.name.startswith(digest.lower()):
        raise ApprovalError(f"what waits is {kept.name[:16]}, not {digest}\n    look at it: vaguemestre directory show")
    if not state.whole(run.places, kept):
        run.remember(waiting=None, passed={})
        raise ApprovalError("its file is not whole any more\n    it is fetched again by: vaguemestre directory refresh")
    run.remember(coming=replace(kept, approved_by=by, taken=run.now), load=False, waiting=None)
    run.note("approved", sha256=kept.name, by=by, summary=waiting.summary)
