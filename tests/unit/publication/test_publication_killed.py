"""Publication killed at any moment and begun again: each mailbox is at the nation's once, as wanted, none is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from publication_nation import DOCTOR, TEAM
from publication_trial import Trial, rendered

from vaguemestre.host.annuaire.publication.confirmed import reopened
from vaguemestre.host.mailboxes.bal import Mailbox

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import json
from pathlib import Path
from vaguemestre.host.annuaire.publication import layout, ledger, run
from vaguemestre.host.annuaire.publication.fhir import FhirWriter, asking
from vaguemestre.host.annuaire.publication.layout import Places
from vaguemestre.host.mailboxes.bal import Mailbox

known, places = layout.settings(Path({settings!r})), Places(Path({state!r}))
boxes = [Mailbox(**{{**one, "allowed": (), "senders": ()}}) for one in json.loads(Path({boxes!r}).read_text())]
print("begun", flush=True)
with run.alone(places), ledger.opened(places.ledger) as held:
    writer = FhirWriter(known.fhir, asking(known.fhir, {key!r}))
    print(run.publish(known, places, held, writer, lambda: boxes)[1].left, flush=True)
"""


def staff(seed: int) -> list[Mailbox]:
    """Thirty mailboxes of people and of a team's structure, several of one holder among them."""
    people = [
        replace(DOCTOR, address=f"k{n}.{seed}@clinique.mssante.test", person=f"1000999{8 - seed}{n // 2:03}")
        for n in range(24)
    ]
    return [*people, *(replace(TEAM, address=f"s{n}.{seed}@clinique.mssante.test") for n in range(6))]


def written(trial: Trial) -> Path:
    """publication.json for this nation."""
    plain = rendered()
    plain["fhir"] |= {"url": trial.nation.fhir, "proxy": None, "calls_per_second": 16, "identifiers": "oid"}
    path = trial.folder.with_name("publication.json")
    path.write_text(json.dumps({**plain, "max_removed_percent": 50}))
    return path


def begun(trial: Trial, boxes: list[Mailbox]) -> subprocess.Popen[str]:
    """A run in a process of its own, which has come so far as to begin."""
    there = trial.folder.with_name("boxes.json")
    there.write_text(json.dumps([asdict(one) for one in boxes]))
    program = RUN.format(
        settings=str(written(trial)),
        state=str(trial.folder),
        boxes=str(there),
        key=trial.key,
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def killed(trial: Trial, boxes: list[Mailbox], seconds: float) -> None:
    process = begun(trial, boxes)
    time.sleep(seconds)
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_run_that_is_killed_again_and_again_ends_with_each_mailbox_there_once(trial: Trial, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    boxes = staff(seed)
    trial.nation.fail(fhir={"wait": 0.03})
    for _ in range(6):
        killed(trial, boxes, chance.uniform(0.02, 0.7))
    chance.shuffle(boxes)
    gone, hidden, kept = boxes[:8], boxes[8:16], boxes[16:]
    boxes = [*(replace(one, state="closed") for one in gone), *(replace(one, redlist="unlisted") for one in hidden)]
    boxes += kept
    for _ in range(6):
        killed(trial, boxes, chance.uniform(0.02, 0.7))
    trial.nation.fail()
    for _ in range(3):  # what failed in passing waits a little
        process = begun(trial, boxes)
        process.communicate(timeout=60)
        assert process.returncode == 0
        with trial.open() as held:
            held.put(reopened(one, lost=False) for one in held.all().values())
    trial.have(*boxes)
    assert trial.view().operations == ()
    assert [trial.listed(one) for one in gone] == [[]] * len(gone)
    time.sleep(1)  # the nation counts calls
    assert [trial.told(one)["listeRouge"] for one in hidden] == [True] * len(hidden)
    time.sleep(1)
    assert [trial.told(one)["listeRouge"] for one in kept] == [False] * len(kept)
