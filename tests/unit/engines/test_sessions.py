"""The command line's end of the pyinfra process; the process is real, the host is one that cannot be reached."""

from __future__ import annotations

import pytest

from vaguemestre.engines.sessions import Command, Failure, Sessions
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import VaguemestreError

NOBODY = Target("nobody.example.test", "127.0.0.1", 1, "vaguemestre", "vaguemestre", None, None)


def test_a_host_that_takes_no_connection_is_unreachable_and_named() -> None:
    with Sessions() as sessions:
        sessions.open([NOBODY])
        outcome = sessions.run({NOBODY.name: Command("true")})[NOBODY.name]
    assert isinstance(outcome, Failure)
    assert outcome.trouble is Trouble.UNREACHABLE
    assert "nobody.example.test (127.0.0.1, port 1)" in outcome.message


def test_when_the_process_dies_the_way_out_is_said() -> None:
    with Sessions() as sessions:
        sessions._process.kill()
        sessions._process.wait()
        with pytest.raises(VaguemestreError, match="vaguemestre status"):
            sessions.open([NOBODY])


def test_nothing_is_left_of_the_process() -> None:
    with Sessions() as sessions:
        sessions.open([NOBODY])
    assert sessions._process.returncode is not None
