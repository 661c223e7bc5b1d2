"""A mail program's side of the address book: LDAPS from another host of the lab, as anybody or as somebody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vaguemestre.lab import Lab

BASE = "o=vaguemestre"
MAILBOXES = f"ou=mailboxes,{BASE}"

# Runs where python3-ldap is: on the other operator's host. Questions as JSON on stdin, answers in their order.
_PROGRAM = """
import json, sys, time, ldap
from ldap.controls import SimplePagedResultsControl, RequestControl
asked = json.load(sys.stdin)
ldap.set_option(ldap.OPT_X_TLS_CACERTFILE, "/etc/vaguemestre/tls/national.pem")
ldap.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
link = ldap.initialize(asked["url"])
link.network_timeout = link.timeout = 20
def told(do):
    try:
        return {"result": "ok", "entries": do()}
    except ldap.LDAPError as error:
        facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        return {"result": type(error).__name__, "matched": facts.get("matched", ""), "info": facts.get("info", "")}
def search(one):
    controls = []
    if one.get("page"):
        controls.append(SimplePagedResultsControl(True, size=one["page"], cookie=""))
    if one.get("control"):
        controls.append(RequestControl(one["control"], True, bytes.fromhex(one.get("value", ""))))
    number = link.search_ext(one["base"], one["scope"], one["filter"], one.get("attributes"), serverctrls=controls)
    kind, data, _, said = link.result3(number)
    return [[dn, {k: [v.decode(errors="replace") for v in vs] for k, vs in a.items()}] for dn, a in data]
def until(one):
    end = time.monotonic() + one["seconds"]
    begun = time.monotonic()
    while time.monotonic() < end:
        if bool(search(one)) == one["found"]:
            return time.monotonic() - begun
        time.sleep(0.02)
    return -1.0
answers = [told(lambda: link.simple_bind_s(asked["who"], asked["password"]) and None)]
for one in asked["questions"]:
    do = one.pop("do", "search")
    if do == "compare":
        answers.append(told(lambda: bool(link.compare_s(one["base"], one["attribute"], one["value"].encode()))))
    elif do == "until":
        answers.append(told(lambda: until(one)))
    else:
        answers.append(told(lambda: search(one)))
print(json.dumps(answers))
"""

Answer = dict[str, Any]


@dataclass(frozen=True)
class Book:
    """The address book of `host`, asked from `client`, another host of the lab."""

    lab: Lab
    host: str
    client: str

    def ask(self, *questions: dict[str, Any], who: str = "", password: str = "") -> list[Answer]:
        """Log in and ask, in one connection; the first answer is that of the login."""
        asked = {"url": f"ldaps://{self.host}", "who": who, "password": password, "questions": questions}
        ran = self.lab.exec(self.client, ["python3", "-c", _PROGRAM], json.dumps(asked).encode(), timeout=60)
        assert ran.returncode == 0, ran.stderr.decode(errors="replace")
        return list(json.loads(ran.stdout))

    def found(self, text: str, who: str = "", password: str = "", attributes: Sequence[str] = ("mail",)) -> set[str]:
        """The addresses of what fits a filter."""
        login, answer = self.ask(query(text, attributes=list(attributes)), who=who, password=password)
        assert login["result"] == "ok", login
        assert answer["result"] == "ok", answer
        return {values["mail"][0] for _, values in answer["entries"]}


def query(text: str, base: str = BASE, scope: int = 2, **more: Any) -> dict[str, Any]:
    """A search; scope 0 base, 1 one level, 2 subtree."""
    return {"base": base, "scope": scope, "filter": text, **more}


def dn(address: str) -> str:
    return f"mail={address},{MAILBOXES}"
