"""How `vaguemestre rollout` calls Ansible."""

from __future__ import annotations

from vaguemestre.cli.rollout import arguments


def test_a_dry_run_is_ansibles_check_with_diffs() -> None:
    assert {"--check", "--diff"} <= set(arguments(limit=None, dry_run=True, behaviour=False, forks=20, verbose=0))


def test_a_real_run_is_not() -> None:
    called = arguments(limit="a,b", dry_run=False, behaviour=True, forks=5, verbose=2)
    assert "--check" not in called
    assert {"--limit=a,b", "--forks=5", "-vv"} <= set(called)
    assert called[-1].endswith("playbooks/rollout.yml")
