"""Who is told of an alarm, and that nobody is told twice: the journal, the postmaster, the daemon's metrics.

There is one `Channel` for each job that has alarms. `tell` compares what stands with what was told (told.json). A
stage newly entered is one line in the journal, at its priority, and a place in one mail to the postmaster; a mail that
could not be given to Postfix is tried at each run. What is over is told too, when its beginning had been mailed.
"""

from __future__ import annotations

import json
import smtplib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

from vaguemestre.host.trust import durable
from vaguemestre.host.trust.alarms import NOTICE, WARNING, Alarm

_SECONDS = 20  # for Postfix, which is on this very host
_OVER = "over"


@dataclass(frozen=True)
class Channel:
    """Whose alarms: `name` in the journal, `about` in the mail's subject (French); where they are written down and to
    whom they are mailed. `notify` is Postfix's (host, port), None where there is none: the journal is told alone.
    """

    name: str
    about: str
    told: Path
    standing: Path
    mail_host: str
    postmaster: str
    notify: tuple[str, int] | None


@dataclass(frozen=True)
class Told:
    """What was said of an alarm: the stage, since when, and whether the postmaster has the mail; texts for retries."""

    stage: str
    since: datetime
    mailed: bool
    fr: str = ""
    en: str = ""


def step(standing: Sequence[Alarm], told: Mapping[str, Told], now: datetime) -> tuple[dict[str, Told], list[Alarm]]:
    """What is to be remembered now, and which alarms entered a stage. Pure."""
    entered = [one for one in standing if one.key not in told or told[one.key].stage != one.stage]
    fresh = {one.key: Told(one.stage, now, False, one.fr, one.en) for one in entered}
    kept = {one.key: told[one.key] for one in standing if one.key not in fresh}
    over = {key: _over(one, now) for key, one in told.items() if key not in fresh and key not in kept}
    return {**kept, **fresh, **{key: one for key, one in over.items() if one is not None}}, entered


def _over(one: Told, now: datetime) -> Told | None:
    """What becomes of an alarm that no longer stands: its end is told to who was told of its beginning."""
    if one.stage == _OVER:
        return None if one.mailed else one
    return Told(_OVER, now, False, one.fr, one.en) if one.mailed else None


def tell(channel: Channel, standing: Sequence[Alarm], now: datetime) -> list[str]:
    """Tell whom it concerns; the lines that went to the journal.

    Raises:
        OSError: what was told cannot be written down.
    """
    before = _load(channel.told)
    told, entered = step(standing, before, now)
    ended = [key for key, one in told.items() if one.stage == _OVER and key in before and before[key].stage != _OVER]
    lines = [f"<{one.priority}>{channel.name} alarm: {one.key} [{one.stage}]: {one.en}" for one in entered]
    lines += [f"<{NOTICE}>{channel.name} alarm over: {key}" for key in ended]
    _write_told(channel.told, told)  # before the mail: a run that is killed here mails next time
    waiting = {key: one for key, one in told.items() if not one.mailed}
    if waiting and channel.notify:
        failure = _mailed(channel, channel.notify, waiting, now)
        if failure:
            lines.append(
                f"<{WARNING}>{channel.name} alarm: the postmaster could not be written to, tried again later: {failure}"
            )
        else:
            _write_told(channel.told, {key: replace(one, mailed=True) for key, one in told.items()})
    _write_standing(channel.standing, standing, told, now)
    return lines


def message(channel: Channel, waiting: Mapping[str, Told], now: datetime) -> EmailMessage:
    """One mail for all that is new: French, then English. Pure but for its Message-ID."""
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    begun = [key for key, one in waiting.items() if one.stage != _OVER]
    about = f"{len(begun)} alerte(s) / alarm(s)" if begun else "fin d'alerte / alarm over"
    mail["From"] = f"Vaguemestre <{channel.postmaster}>"
    mail["To"] = channel.postmaster
    mail["Subject"] = f"[{channel.mail_host}] {channel.about}: {about}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = make_msgid(domain=channel.mail_host)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
    head_fr = f"Serveur {channel.mail_host}, {now:%Y-%m-%d %H:%M} UTC."
    head_en = f"Host {channel.mail_host}, {now:%Y-%m-%d %H:%M} UTC."
    french = [_paragraph(key, one, one.fr, "Fin de l'alerte") for key, one in waiting.items()]
    english = [_paragraph(key, one, one.en, "Alarm over") for key, one in waiting.items()]
    mail.set_content("\n\n".join([head_fr, *french, "--------", head_en, *english]) + "\n", charset="utf-8")
    return mail


def standing_alarms(path: Path) -> list[dict[str, Any]]:
    """What stood at the last run, as alarms.json has it."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["alarms"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def say(lines: Iterable[str]) -> None:
    """To the journal: systemd reads the priority off the line's beginning (sd-daemon(3))."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def _paragraph(key: str, one: Told, text: str, over: str) -> str:
    return f"* {over}: {key}" if one.stage == _OVER else f"* {key} [{one.stage}]\n  {text}"


def _mailed(channel: Channel, postfix: tuple[str, int], waiting: Mapping[str, Told], now: datetime) -> str:
    """Give the mail to Postfix; why not, or "". From nobody: a bounce of it would only come back here."""
    mail = message(channel, waiting, now)
    try:
        with smtplib.SMTP(*postfix, local_hostname=channel.mail_host, timeout=_SECONDS) as taker:
            taker.sendmail("", [channel.postmaster], mail.as_bytes())
    except (OSError, smtplib.SMTPException) as error:
        return f"{error}" or type(error).__name__
    return ""


def _load(path: Path) -> dict[str, Told]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return {key: Told(**{**one, "since": datetime.fromisoformat(one["since"])}) for key, one in plain.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_told(path: Path, told: Mapping[str, Told]) -> None:
    durable.write(path, _json({key: asdict(one) for key, one in told.items()}))


def _write_standing(path: Path, standing: Sequence[Alarm], told: Mapping[str, Told], now: datetime) -> None:
    alarms = [{**asdict(one), "since": told[one.key].since.isoformat()} for one in standing]
    durable.write(path, _json({"at": now.isoformat(), "alarms": alarms}))


def _json(value: object) -> bytes:
    def plain(one: object) -> str:
        if isinstance(one, datetime):
            return one.isoformat()
        raise TypeError(repr(one))

    return (json.dumps(value, default=plain, indent=1, ensure_ascii=False) + "\n").encode()
