"""Verification: asks running operators, from outside and by real mail, whether they behave.

`run` starts the packaged pytest suite in ``behaviours/`` against the hosts of an inventory; each test is one sentence
about behaviour. It writes JUnit XML and a readable summary, and keeps a record for each establishment (`kept`). Nothing
here reads a configuration file of a host.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.engines.sessions import Failure
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet
from vaguemestre.verify import keeping
from vaguemestre.verify.kept import Run
from vaguemestre.verify.site import chosen, in_service
from vaguemestre.verify.verdict import Verdict, read_junit, summary

BEHAVIOURS = Path(__file__).parent / "behaviours"
_OWN_HOST = ("-p", "no:pytest11.testinfra")  # its fixture `host` is asked for one host a run; ours belongs to the site


class VerificationError(VaguemestreError):
    """The suite could not run at all (this is not a failed behaviour)."""


class NotInServiceError(VaguemestreError):
    """A host cannot be asked; its exit code says whether it is away or not an operator yet."""

    def __init__(self, message: str, exit_code: Exit) -> None:
        super().__init__(message)
        self.exit_code = exit_code


_ALONE = "    nothing was verified; name establishments or hosts to verify only those"


@dataclass(frozen=True)
class Outcome:
    """Where the reports and records are, and what was found, in the order it was asked."""

    junit: Path
    text: Path
    verdicts: tuple[Verdict, ...]
    records: tuple[Path, ...] = ()

    @property
    def passed(self) -> bool:
        return bool(self.verdicts) and not any(verdict.failed for verdict in self.verdicts)


def run(fleet: Fleet, names: Sequence[str], reports: Path, on_line: Callable[[str], None] = print) -> Outcome:
    """Verify the establishments meant by `names` (see `site.chosen`); reports go into the folder `reports`.

    Raises:
        SelectionError: a name means nothing here.
        NotInServiceError: a host of theirs cannot be reached, or is no operator yet: nothing was asked of any.
        VerificationError: pytest stopped for another reason than failed behaviours; the message holds its last words.
        RecordsError: the verdicts could not be kept; they are in `reports`.
    """
    sites = chosen(fleet, names)
    _refuse_unready(fleet, sorted({site.host.name for site in sites}))
    begun = Run.begin("behaviours")
    reports.mkdir(parents=True, exist_ok=True)
    junit, text = reports / "verification.xml", reports / "verification.txt"
    junit.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*_pytest(fleet, names), f"--junitxml={junit}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last: list[str] = []
    for line in process.stdout or ():
        on_line(line.rstrip("\n"))
        last = [*last[-20:], line]
    if process.wait() not in (0, 1) or not junit.exists():
        raise VerificationError("the verification could not run:\n" + "".join(last))
    verdicts = read_junit(junit)
    text.write_text(summary(verdicts))
    return Outcome(junit, text, verdicts, keeping.behaviours(fleet, sites, begun, verdicts))


def _refuse_unready(fleet: Fleet, hosts: Sequence[str]) -> None:
    """Thirty questions to a host that is not there would take minutes and tell nothing."""
    serving = in_service(fleet, hosts)
    if away := [one.message for one in serving.values() if isinstance(one, Failure)]:
        raise NotInServiceError("\n".join([*away, _ALONE]), Exit.UNREACHABLE)
    if new := [name for name, made in serving.items() if not made]:
        text = f"{', '.join(new)}: no operator yet\n    vaguemestre apply {' '.join(new)}"
        raise NotInServiceError(f"{text}\n{_ALONE}", Exit.FAILED)


def _pytest(fleet: Fleet, names: Iterable[str]) -> list[str]:
    named = [f"--name={name}" for name in names]
    quiet = ["-p", "no:cacheprovider", "-p", "no:terminal", *_OWN_HOST, "-c", str(BEHAVIOURS / "pytest.ini")]
    plugin = ["-p", "vaguemestre.verify.plugin", f"--inventory={fleet.root}"]
    return [sys.executable, "-m", "pytest", *quiet, *plugin, *named, str(BEHAVIOURS)]
