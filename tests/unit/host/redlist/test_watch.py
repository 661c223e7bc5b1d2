"""What the red list's own look makes an alarm of, and that it forgets in time."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.correspondents import Correspondents
from vaguemestre.host.redlist.decide import Box, House
from vaguemestre.host.redlist.watch import alarms, forget

DESK = "desk@ici.test"
HOUSES = {"ici.test": House("ici", True, 180), "la.test": House("la", True, 30)}


def copy(**boxes: Box) -> Copy:
    made = Copy()
    for name, box in boxes.items():
        made.put(f"{name}@ici.test", box)
    return made


def test_as_long_as_every_secretariat_receives_nobody_is_told_anything() -> None:
    here = copy(anne=Box("active", "secretariat", DESK), desk=Box("active", "none"), old=Box("closed", "none"))
    assert list(alarms(here)) == []


def test_a_secretariat_that_cannot_receive_is_told_without_a_name() -> None:
    here = copy(anne=Box("active", "secretariat", DESK), desk=Box("closed", "none"))
    (alarm,) = alarms(here)
    assert alarm.name == "secretariats"
    assert "1 people" in alarm.en
    assert not any(name in repr(alarm) for name in ("anne", "desk", "ici.test"))


def test_it_is_told_again_when_others_are_concerned() -> None:
    first = copy(anne=Box("active", "secretariat", DESK))
    second = copy(anne=Box("active", "secretariat", DESK), bruno=Box("active", "secretariat", DESK))
    stages = [[one.stage for one in alarms(here)] for here in (first, first, second)]
    assert stages[0] == stages[1] != stages[2]


def test_a_suspended_secretariat_gets_mail_that_nobody_reads() -> None:
    (alarm,) = alarms(copy(anne=Box("active", "secretariat", DESK), desk=Box("suspended", "none")))
    assert alarm.name == "secretariats_unread"


def test_a_directory_that_does_not_answer_is_an_alarm_of_its_own() -> None:
    assert [one.name for one in alarms(None)] == ["directory"]


def test_once_a_day_what_is_older_than_anybody_remembers_goes(tmp_path: Path) -> None:
    path, today = tmp_path / "correspondents.db", int(time.time()) // 86400
    for day, whom in ((today - 181, "vieux@x.test"), (today - 180, "neuf@x.test")):
        one = Correspondents(path, lambda *_: None, lambda day=day: day)  # type: ignore[misc]
        one.remember("anne@ici.test", whom)
        one.close()
    forget(path, HOUSES)
    assert _days(path) == [today - 180]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE pairs SET day = 0")
    forget(path, HOUSES)
    assert _days(path) == [0], "not again on the same day"
    os.utime(path.with_name("purged"), (0, 0))
    forget(path, HOUSES)
    assert _days(path) == []


def _days(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [day for (day,) in connection.execute("SELECT day FROM pairs")]
