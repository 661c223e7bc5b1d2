"""What stands in the comment on a merge request."""

from __future__ import annotations

from vaguemestre.cli.diff_comment import LONGEST, MARK, comment
from vaguemestre.host.activator.plan import Change

EDITED = Change("file", "/etc/motd", "update", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n")
NEW = Change("file", "/etc/new", "create", "--- /dev/null\n+++ b\n@@ -0,0 +1,2 @@\n+one\n+two\n")


def test_hosts_with_the_same_change_stand_together() -> None:
    text = comment({"a.test": [EDITED], "b.test": [EDITED], "c.test": []}, [])
    assert "### Something changes on 2 of 3 hosts" in text
    assert "<code>a.test</code>, <code>b.test</code>: 1 file" in text
    assert text.count("+new") == 1


def test_of_a_new_file_only_the_length_is_said() -> None:
    text = comment({"a.test": [NEW]}, [])
    assert "# create file /etc/new  2 lines" in text
    assert "+one" not in text


def test_a_file_with_backticks_cannot_end_its_block() -> None:
    evil = Change("file", "/etc/motd", "update", "@@ -1 +1 @@\n+```\n+<img src=x>\n")
    assert "````diff\n" in comment({"a.test": [evil]}, [])


def test_a_change_that_is_too_long_loses_its_diff_before_it_is_left_out() -> None:
    long = Change("file", "/etc/long", "update", "+x\n" * LONGEST)
    text = comment({"a.test": [long], "b.test": [EDITED]}, [])
    assert len(text) < LONGEST + 1000
    assert "# update file /etc/long" in text
    assert "+new" in text


def test_what_does_not_fit_at_all_is_counted() -> None:
    many = {f"h{n}.test": [Change("file", f"/etc/{n}/{'x' * 500}", "remove")] for n in range(300)}
    text = comment(many, [])
    assert len(text) < LONGEST + 1000
    assert "for it would be too long: " in text


def test_no_change_and_a_host_that_leaves_are_said() -> None:
    assert comment({"a.test": []}, []) == f"{MARK}\n### Nothing changes on any host\n"
    assert "- `b.test` is no longer in the inventory" in comment({"a.test": []}, ["b.test"])
