"""The host's verb `search`: look somebody up in the address book, ours and the nation's, as anybody may.

The question comes as JSON on stdin, ``{"name": ..., "profession": ..., "place": ..., "establishment": ...,
"limit": 20}``: whom people look for belongs neither on a command line nor in a log. One JSON object on stdout:
``{"result": "found", "mailboxes": [...], "more": false}``, or ``{"result": "refused"|"failed", "message": ...}`` with
exit code 2 or 1.

It asks slapd anonymously, so that the rules for everybody hold for administrators too: who is on the red list is not
found here (`mailbox show` is for the mailboxes of one's own).
"""

from __future__ import annotations

import json
import sys
from typing import Any

from vaguemestre.host.book.found import SHOWN, Found, ordered
from vaguemestre.host.book.query import Question, filters
from vaguemestre.host.mailboxes.bal import Refused
from vaguemestre.host.mailboxes.store import SUFFIX

MOST = 100  # entries that a search tells
ENOUGH = 10  # found so many: more lenient filters would only add worse ones
_READ = 200  # entries of one filter; slapd gives 500 at most (slapd.conf, sizelimit)
_SECONDS = 10

Entry = dict[str, list[str]]


class SearchError(Exception):
    """slapd does not answer; the text holds its own words."""


def main(argv: list[str]) -> int:
    """Answer the question on stdin, in JSON anyway; 0 answered, 1 failed, 2 refused."""
    if argv not in ([], ["--json"]):
        print("usage: search [--json] < question.json", file=sys.stderr)
        return 2
    try:
        asked, limit = _question(json.loads(sys.stdin.read(1 << 16)))
        found, more = searched(asked, limit)
    except (Refused, ValueError, RecursionError) as refused:
        return _say({"result": "refused", "message": str(refused)}, 2)
    except SearchError as error:
        return _say({"result": "failed", "message": str(error)}, 1)
    return _say({"result": "found", "mailboxes": [one.plain() for one in found], "more": more}, 0)


def searched(asked: Question, limit: int) -> tuple[list[Found], bool]:
    """The best `limit` mailboxes, and whether there are more.

    Raises:
        Refused: the question is empty, or fits so many that it says nothing.
        SearchError: slapd does not answer.
    """
    if asked.empty:
        raise Refused("say whom to look for: a name, a profession, a place or an establishment")
    entries, more = _entries(asked)
    found = ordered(asked, entries)
    return found[:limit], more or len(found) > limit


def _entries(asked: Question) -> tuple[list[Entry], bool]:
    import ldap

    connection = ldap.initialize("ldapi:///")
    connection.timeout = connection.network_timeout = _SECONDS
    try:
        connection.simple_bind_s()
        return _until_enough(connection, asked)
    except ldap.LDAPError as error:
        raise SearchError(
            f"the directory (slapd): {error.args[0].get('desc', error) if error.args else error}"
        ) from error
    finally:
        connection.unbind_s()


def _until_enough(connection: Any, asked: Question) -> tuple[list[Entry], bool]:
    entries: dict[str, Entry] = {}
    more = vague = False
    for text in filters(asked):
        found, cut = _asked(connection, text)
        entries |= {one["mail"][0]: one for one in found or ()}
        more, vague = more or cut, vague or found is None
        if len(entries) >= ENOUGH:
            break
    if vague and not entries:
        raise Refused("too many fit: add a name, a place or an establishment")
    return list(entries.values()), more or vague


def _asked(connection: Any, text: str) -> tuple[list[Entry] | None, bool]:
    """What fits the filter, None when more fit its index keys than slapd looks at; and whether that was cut short."""
    import ldap

    number = connection.search_ext(SUFFIX, ldap.SCOPE_SUBTREE, text, list(SHOWN), sizelimit=_READ)
    entries: list[Entry] = []
    try:
        while True:
            kind, data, *_ = connection.result4(number, all=0)
            entries += [_text(attributes) for _, attributes in data if "mail" in attributes]
            if kind == ldap.RES_SEARCH_RESULT:
                return entries, False
    except ldap.SIZELIMIT_EXCEEDED:
        return entries, True
    except ldap.ADMINLIMIT_EXCEEDED:
        return None, True


def _text(attributes: dict[str, list[bytes]]) -> Entry:
    return {name: [one.decode(errors="replace") for one in values] for name, values in attributes.items()}


def _question(plain: Any) -> tuple[Question, int]:
    """From JSON.

    Raises:
        Refused: it is no question.
    """
    known = ("name", "profession", "place", "establishment")
    texts = {name: plain.get(name, "") for name in known} if isinstance(plain, dict) else {}
    limit = plain.get("limit", MOST) if texts else 0
    if not texts or not all(isinstance(one, str) for one in texts.values()) or type(limit) is not int or limit < 1:
        raise Refused(f"a question is a JSON object of texts: {', '.join(known)}; and limit, a number")
    return Question(**texts), min(limit, MOST)


def _say(said: dict[str, Any], code: int) -> int:
    print(json.dumps(said, ensure_ascii=False))
    return code
