"""Which alarm stands when, and that whom it concerns hears of it once, in words a person understands."""

from __future__ import annotations

import email
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import policy
from pathlib import Path

import pytest
from trust_nation import CRL, HOUR, LIST, START, Host, host

from vaguemestre.host.trust.alarms import Alarm, State, alarms
from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.own import Certificate
from vaguemestre.host.trust.refresh import channel
from vaguemestre.host.trust.sources import OwnDomain, Source
from vaguemestre.host.trust.store import Facts, Known
from vaguemestre.host.trust.telling import message, step, tell

DAY = 24 * HOUR
ISSUER = b"i" * 16
FACTS = Facts(START, "d" * 64, "alb.mssante.test", START + 900 * DAY, 10, 10, 3)
WELL = State(
    listing=FACTS,
    confirmed=START,
    quarantine=None,
    known=(Known(ISSUER, "CN=TEST", 1, START, START + 7 * DAY, 0),),
    sources={LIST: Source(asked=START, succeeded=START), CRL: Source(START, START, issuer=ISSUER.hex())},
    own={"etab-1.mssante.test": OwnDomain(("CN=mx.test",))},
    ours={"etab-1.mssante.test": True},
    certificate=Certificate("CN=mx.test", b"k" * 16, START + 900 * DAY),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return host(tmp_path).settings


def stages(state: State, settings: Settings, after: timedelta = timedelta(0)) -> list[tuple[str, str]]:
    return [(one.name, one.stage) for one in alarms(state, settings, START + after)]


def test_when_all_is_well_nothing_is_said(settings: Settings) -> None:
    assert stages(WELL, settings) == []


@pytest.mark.parametrize(
    ("hours", "stage"), [(23.99, []), (24, ["alarm"]), (71.99, ["alarm"]), (72, ["page"]), (900, ["page"])]
)
def test_a_list_that_is_not_confirmed_is_an_alarm_after_a_day_and_wakes_people_after_three(
    settings: Settings, hours: float, stage: list[str]
) -> None:
    found = stages(WELL, settings, timedelta(hours=hours))
    assert [stage for name, stage in found if name == "list"] == stage


@pytest.mark.parametrize(
    ("days", "stage"),
    [(91, []), (89.9, ["90 days"]), (59.9, ["60 days"]), (29.9, ["30 days"]), (6.9, ["7 days"]), (-0.1, ["expired"])],
)
def test_the_hosts_own_certificate_is_told_of_in_time(settings: Settings, days: float, stage: list[str]) -> None:
    own = Certificate("CN=mx.test", b"k" * 16, START + timedelta(days=days))
    assert [one for name, one in stages(replace(WELL, certificate=own), settings) if name == "certificate"] == stage


@pytest.mark.parametrize(("days", "stage"), [(61, []), (59, ["60 days"]), (-1, ["expired"])])
def test_the_lists_signer_is_told_of_sixty_days_before_it_ends(settings: Settings, days: int, stage: list[str]) -> None:
    state = replace(WELL, listing=replace(FACTS, signer_until=START + days * DAY))
    assert [one for name, one in stages(state, settings) if name == "signer"] == stage


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (replace(WELL, listing=None), ("list", "missing")),
        (replace(WELL, known=()), ("crl", "missing")),
        (replace(WELL, own={"a.test": OwnDomain(())}), ("own", "unlisted")),
        (replace(WELL, own={"a.test": OwnDomain(("CN=x",))}, ours={"a.test": False}), ("own", "foreign")),
        (replace(WELL, trouble="disk full"), ("store", "trouble")),
        (replace(WELL, beside=("autre.test",)), ("own_dn", hashlib.sha256(b"autre.test").hexdigest()[:8])),
        (
            replace(WELL, sources={LIST: Source(START).failed(START, "older", "...").failed(START, "older", "...")}),
            ("refused", "older"),
        ),
    ],
)
def test_what_is_wrong_is_an_alarm(settings: Settings, state: State, expected: tuple[str, str]) -> None:
    assert expected in stages(state, settings)


@pytest.mark.parametrize("slug", ["timeout", "dns", "refused", "http_403", "web_page", "truncated"])
def test_a_source_that_is_merely_away_is_no_alarm_by_itself(settings: Settings, slug: str) -> None:
    failing = Source(START, START).failed(START, slug, "...")
    assert stages(replace(WELL, sources={**WELL.sources, LIST: failing}), settings) == []


def test_what_was_refused_once_may_be_a_copy_of_the_site_that_lags(settings: Settings) -> None:
    once = Source(START, START).failed(START, "older", "...")
    assert stages(replace(WELL, sources={**WELL.sources, LIST: once}), settings) == []


def test_a_wrong_clock_is_told_of_and_nothing_that_may_come_of_it(settings: Settings) -> None:
    assert stages(replace(WELL, clock="it says 1970"), settings, 2000 * DAY) == [("clock", "wrong")]


def test_the_worst_comes_first(settings: Settings) -> None:
    found = alarms(replace(WELL, listing=None, known=(), trouble="x"), settings, START)
    assert [one.priority for one in found] == sorted(one.priority for one in found)


def test_each_alarm_speaks_two_languages_and_the_reason(settings: Settings) -> None:
    failing = {LIST: Source(START, START).failed(START, "timeout", "no whole answer in time")}
    (found,) = alarms(replace(WELL, sources={**WELL.sources, **failing}), settings, START + DAY)[:1]
    assert "liste blanche" in found.fr
    assert "white list" in found.en
    assert "no whole answer in time" in found.fr


# --- Telling -----------------------------------------------------------------------------------------------------

ALARM = Alarm("list", "", "alarm", 2, "La liste n'est plus confirmée.", "The list is no longer confirmed.")


def test_a_stage_is_entered_once() -> None:
    told, entered = step([ALARM], {}, START)
    assert entered == [ALARM]
    told, entered = step([ALARM], told, START + DAY)
    assert entered == []
    assert told["list"].since == START
    _, entered = step([replace(ALARM, stage="page")], told, START + 2 * DAY)
    assert [one.stage for one in entered] == ["page"]


def test_what_is_over_is_told_to_who_knew_of_it_and_then_forgotten() -> None:
    unmailed, _ = step([ALARM], {}, START)
    assert step([], unmailed, START)[0] == {}
    mailed = {"list": replace(unmailed["list"], mailed=True)}
    over, _ = step([], mailed, START)
    assert (over["list"].stage, over["list"].mailed) == ("over", False)
    assert step([], over, START)[0] == over, "the mail about it could not be given to Postfix yet"
    assert step([], {"list": replace(over["list"], mailed=True)}, START)[0] == {}
    assert step([ALARM], over, START)[1] == [ALARM], "it came back"


@dataclass
class Postbox:
    """A mail server of few words; `letters` are what it was given: sender, recipient, content."""

    port: int
    letters: list[tuple[str, str, bytes]] = field(default_factory=list)


@contextmanager
def postbox() -> Iterator[Postbox]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        box = Postbox(listener.getsockname()[1])
        thread = threading.Thread(target=_receive, args=(listener, box), daemon=True)
        thread.start()
        yield box
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _receive(listener: socket.socket, box: Postbox) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            with client, client.makefile("rwb") as talk:
                _talk(talk, box)  # type: ignore[arg-type]


def _talk(talk: socket.SocketIO, box: Postbox) -> None:
    def say(line: bytes) -> None:
        talk.write(line + b"\r\n")
        talk.flush()

    say(b"220 here")
    sender = recipient = ""
    while line := talk.readline():
        verb, _, rest = line.decode("ascii").strip().partition(":")
        verb = verb.upper()
        if verb == "MAIL FROM":
            sender = rest
        if verb == "RCPT TO":
            recipient = rest
        if verb == "DATA":
            say(b"354 go on")
            box.letters.append((sender, recipient, b"".join(iter(talk.readline, b".\r\n"))))
        say(b"221 bye" if verb == "QUIT" else b"250 fine")


@pytest.fixture
def one(tmp_path: Path) -> Host:
    made = host(tmp_path)
    made.run()
    return made


def notified(one: Host, port: int) -> Settings:
    return replace(one.settings, notify=("127.0.0.1", port))


def test_one_mail_a_stage_however_often_it_is_looked_at(one: Host) -> None:
    with postbox() as box:
        known = notified(one, box.port)
        for hour, standing in ((0, [ALARM]), (1, [ALARM]), (2, [replace(ALARM, stage="page")]), (3, []), (4, [])):
            tell(channel(one.places, known), standing, START + hour * HOUR)
    letters = [email.message_from_bytes(content, policy=policy.default) for _, _, content in box.letters]
    assert [sorted({"[alarm]", "[page]", "over:"} & {*one.get_content().split()}) for one in letters] == [
        ["[alarm]"], ["[page]"], ["over:"],
    ]  # fmt: skip
    assert {(sender, recipient) for sender, recipient, _ in box.letters} == {("<>", "<postmaster@etab-1.mssante.test>")}


def test_a_mail_that_could_not_be_given_away_is_tried_at_the_next_run(one: Host) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        lines = tell(channel(one.places, notified(one, nobody.getsockname()[1])), [ALARM], START)
    assert len(lines) == 2
    assert "tried again" in lines[1]
    with postbox() as box:
        lines = tell(channel(one.places, notified(one, box.port)), [ALARM], START + HOUR)
    assert lines == [], "the journal had it the first time"
    assert len(box.letters) == 1


def test_the_mail_is_ascii_in_both_languages_and_nobodys_absence_answers_it(settings: Settings) -> None:
    told, _ = step([ALARM], {}, START)
    mail = message(channel(Places(Path("nowhere")), settings), told, START)
    raw = mail.as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) < 998
    read = email.message_from_bytes(raw, policy=policy.default)
    assert ALARM.fr in read.get_content()
    assert ALARM.en in read.get_content()
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["To"] == "postmaster@etab-1.mssante.test"


def test_the_journal_gets_the_priority_first(one: Host) -> None:
    assert tell(channel(one.places, one.settings), [ALARM], START)[0].startswith(
        "<2>trust alarm: list [alarm]: The list"
    )
