"""Changes as they stand on a terminal."""

from __future__ import annotations

from vaguemestre.cli.changes import shown
from vaguemestre.host.activator.plan import Change

NEW = Change("file", "/etc/new", "create", "--- /dev/null\n+++ /etc/new\n@@ -0,0 +1,2 @@\n+one\n+two\n")
EDITED = Change("file", "/etc/old", "update", "--- /etc/old\n+++ /etc/old\n@@ -1 +1 @@\n-[bold]one\n+two\n")
UNIT = Change("unit", "a.service", "restart")


def test_each_change_is_a_line_and_an_edited_file_shows_its_diff() -> None:
    assert shown([NEW, EDITED, UNIT]).plain.splitlines() == [
        "+ create file /etc/new  2 lines",
        "~ update file /etc/old",
        "    --- /etc/old",
        "    +++ /etc/old",
        "    @@ -1 +1 @@",
        "    -[bold]one",
        "    +two",
        "~ restart unit a.service",
    ]


def test_a_new_file_is_shown_whole_when_asked_for() -> None:
    assert shown([NEW], new_files=True).plain.endswith("    +one\n    +two")


def test_without_diffs_there_is_one_line_a_change() -> None:
    assert len(shown([NEW, EDITED, UNIT], diffs=False).plain.splitlines()) == 3


def test_what_is_taken_away_stands_out() -> None:
    (mark, *_) = shown([Change("unit", "a.service", "remove")]).spans
    assert mark.style == "red"
