"""Verification: asks running operators, from outside and by real mail, whether they behave.

`run` starts the packaged pytest suite in ``behaviours/`` against the hosts of an inventory; each test is one sentence
about behaviour. It writes JUnit XML and a readable summary. Nothing here reads a configuration file of a host.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.errors import VaguemestreError
from vaguemestre.establishment import Fleet
from vaguemestre.verify.verdict import Verdict, read_junit, summary

BEHAVIOURS = Path(__file__).parent / "behaviours"
_OWN_HOST = ("-p", "no:pytest11.testinfra")  # its fixture `host` is asked for one host a run; ours belongs to the site


class VerificationError(VaguemestreError):
    """The suite could not run at all (this is not a failed behaviour)."""


@dataclass(frozen=True)
class Outcome:
    """Where the reports are and what was found, in the order it was asked."""

    junit: Path
    text: Path
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        return bool(self.verdicts) and not any(verdict.failed for verdict in self.verdicts)


def run(fleet: Fleet, slugs: Iterable[str], reports: Path, on_line: Callable[[str], None] = print) -> Outcome:
    """Verify the named establishments of the fleet (all when none is named); reports go into the folder `reports`.

    Raises:
        VerificationError: pytest stopped for another reason than failed behaviours; the message holds its last words.
    """
    reports.mkdir(parents=True, exist_ok=True)
    junit, text = reports / "verification.xml", reports / "verification.txt"
    junit.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*_pytest(fleet, slugs), f"--junitxml={junit}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last: list[str] = []
    for line in process.stdout or ():
        on_line(line.rstrip("\n"))
        last = [*last[-20:], line]
    if process.wait() not in (0, 1) or not junit.exists():
        raise VerificationError("the verification could not run:\n" + "".join(last))
    verdicts = read_junit(junit)
    text.write_text(summary(verdicts))
    return Outcome(junit, text, verdicts)


def _pytest(fleet: Fleet, slugs: Iterable[str]) -> list[str]:
    chosen = [f"--establishment={slug}" for slug in slugs]
    quiet = ["-p", "no:cacheprovider", "-p", "no:terminal", *_OWN_HOST, "-c", str(BEHAVIOURS / "pytest.ini")]
    plugin = ["-p", "vaguemestre.verify.plugin", f"--inventory={fleet.root}"]
    return [sys.executable, "-m", "pytest", *quiet, *plugin, *chosen, str(BEHAVIOURS)]
