"""Runs in a guest: searches at a steady rate, as mail programs and our own command send them; figures as JSON.

Standard library and python3-ldap only. Arguments: where slapd is, seconds, searches a second, slapd's pid. Names come
from stdin, a JSON list of [family, given]. A search is late from the moment that it was due, so a queue is not hidden.

At 0 a second they come one after the other, and what counts is the processor time that slapd takes for each: on a
machine that does other things besides, that alone means something.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

BASE = "o=vaguemestre"
SHOWN = ["mail", "cn", "displayName", "sn", "givenName", "title", "o", "ou", "l", "postalCode", "vgmPaperless"]
THREADS = 8
TYPING = "(|(cn={0}*)(mail={0}*)(sn={0}*))"
TWO_WORDS = "(|(cn={0}*{1}*)(mail={0}*{1}*)(sn={0}*{1}*))"
BOOK = (
    "(&(objectclass=*)(|(cn=*{0}*)(givenName=*{0}*)(sn=*{0}*)(mozillaNickname=*{0}*)(mail=*{0}*)"
    "(mozillaSecondEmail=*{0}*)(&(description=*{0}*))(o=*{0}*)(ou=*{0}*)(title=*{0}*)(mozillaWorkUrl=*{0}*)"
    "(mozillaHomeUrl=*{0}*)))"
)
OUTLOOK = "(&(mail=*)(|(mail={0}*)(|(cn={0}*)(|(sn={0}*)(givenName={0}*)))))"

Name = tuple[str, str]
Form = Callable[[random.Random, Name], list[str]]


def _ours(which: int) -> Form:
    def asked(draw: random.Random, name: Name) -> list[str]:
        from vaguemestre.host.book.query import Question, filters

        family = name[0]
        if which == 2:  # a wrong letter
            at = draw.randrange(1, len(family))
            family = f"{family[: at - 1]}{draw.choice('aeiourst')}{family[at:]}"
        return list(filters(Question(name=f"{name[1]} {family}" if which == 0 else family)))[: which + 1]

    return asked


FORMS: dict[str, Form] = {
    "Thunderbird, typing": lambda draw, name: [TYPING.format(name[0][: draw.randint(3, len(name[0]))])],
    "Thunderbird, two words": lambda draw, name: [TWO_WORDS.format(name[1], name[0][: draw.randint(2, 5)])],
    "Thunderbird, address book": lambda draw, name: [BOOK.format(name[0][: draw.randint(4, len(name[0]))])],
    "Outlook": lambda draw, name: [OUTLOOK.format(name[0][: draw.randint(3, len(name[0]))])],
    "ours, a name": _ours(0),
    "ours, a beginning": _ours(1),
    "ours, a wrong letter": _ours(2),
}


def main() -> None:
    url, seconds, rate, pid = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    names = [tuple(one) for one in json.load(sys.stdin)]
    draw = random.Random(1)  # noqa: S311 - which searches, nothing secret
    if not rate:
        return print(json.dumps(_alone(url, [_drawn(draw, names) for _ in range(int(seconds * 50))], pid)))
    due = [(number / rate, *_drawn(draw, names)) for number in range(int(seconds * rate))]
    late: list[tuple[str, float, str, int]] = []
    start = time.monotonic() + 0.5
    workers = [threading.Thread(target=_work, args=(url, start, due[one::THREADS], late)) for one in range(THREADS)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    return print(json.dumps(late))


def _alone(url: str, searches: list[tuple[str, list[str]]], pid: int) -> list[tuple[str, float, str, int]]:
    import ldap

    link = ldap.initialize(url)
    link.simple_bind_s()
    taken = []
    for form, texts in searches:
        before, result, found = _processor(pid), "", 0
        for text in texts:
            outcome, found = _asked(link, text)
            result = result or outcome
        taken.append((form, _processor(pid) - before, result, found))
    return taken


def _processor(pid: int) -> float:
    """Seconds that all threads of a process have run (proc(5), schedstat: nanoseconds)."""
    stats = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in stats) / 1e9


def _drawn(draw: random.Random, names: list[Name]) -> tuple[str, list[str]]:
    form = draw.choice(list(FORMS))
    return form, FORMS[form](draw, draw.choice(names))


def _work(
    url: str, start: float, due: list[tuple[float, str, list[str]]], late: list[tuple[str, float, str, int]]
) -> None:
    import ldap

    link = ldap.initialize(url)
    link.simple_bind_s()
    for at, form, texts in due:
        time.sleep(max(0.0, start + at - time.monotonic()))
        result, found = "", 0
        for text in texts:
            outcome, found = _asked(link, text)
            result = result or outcome
        late.append((form, time.monotonic() - start - at, result, found))


def _asked(link: object, text: str) -> tuple[str, int]:
    import ldap

    try:
        return "", len(link.search_ext_s(BASE, ldap.SCOPE_SUBTREE, text, SHOWN, sizelimit=100))  # type: ignore[attr-defined]
    except ldap.SIZELIMIT_EXCEEDED:
        return "more", 100
    except ldap.ADMINLIMIT_EXCEEDED:
        return "refused", 0
    except ldap.TIMELIMIT_EXCEEDED:
        return "too long", 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path("/usr/lib/vaguemestre/host.pyz")))
    main()
