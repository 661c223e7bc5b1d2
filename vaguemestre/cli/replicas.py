"""`vaguemestre directory replicas`: do the replicas of the directory follow?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory

if TYPE_CHECKING:
    from rich.console import RenderableType

    from vaguemestre.verbs.asking import Said

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all of them.")
]

_MEANING = {
    "current": "says what its provider says",
    "catching up": "differs from its provider for a moment",
    "behind": "does not follow: what it shows may be old",
    "forgotten": "did not follow for so long that it shows no mailbox of ours any more; the nation's it shows",
}


def replicas(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show whether each replica of the directory follows its provider, and for how long it did not.

    A replica is a second host of an operator with the role openldap. It answers searches, holds what everybody may
    see, and no password.

    Exit codes: 0 all follow, 3 one is behind, 1 a host failed, 4 a host could not be reached.
    """
    from vaguemestre.cli.answers import print_by_host
    from vaguemestre.inventory import load
    from vaguemestre.verbs import replicas

    answers = replicas.ask(load(inventory), tuple(names or ()))
    if as_json:
        typer.echo(json.dumps(answers.plain(), ensure_ascii=False, indent=2))
    else:
        print_by_host(answers, dict.fromkeys(_MEANING, _shown))
    raise typer.Exit(answers.code)


def _shown(said: Said) -> RenderableType:
    from vaguemestre.cli.answers import Pairs

    pairs = Pairs()
    word = said["result"]
    pairs.add(word, _MEANING[word], {"current": "", "catching up": "yellow"}.get(word, "red"))
    pairs.add("provider", said["provider"])
    for branch, seconds in said["behind"].items():
        pairs.add(branch, f"not confirmed for {seconds} s" if seconds else "confirmed now", "yellow" if seconds else "")
    if said["why"]:
        pairs.add("why", said["why"], "red")
    return pairs.table
