"""Postfix's policy delegation (SMTPD_POLICY_README): ``name=value`` lines, an empty line, ``action=...`` back.

``policy_context`` says who asks: ``edge`` for mail from other operators, at each MAIL FROM and, where there is a red
list, at each recipient; ``submission`` for what people here send, at each recipient; ``explain`` for an administrator
(root and Postfix alone may open the socket), who gets a line of JSON instead of an action.
"""

from __future__ import annotations

from collections.abc import Awaitable

from vaguemestre.host.trust.conversation import Conversation, Host, MalformedError, Reply
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.reasons import REASONS, TO_SECRETARIAT, Reason
from vaguemestre.host.trust.redlist_desk import RedListDesk
from vaguemestre.host.trust.values import Decision

_MOST_ATTRIBUTES = 100
_USED = ("request", "policy_context", "sender", "recipient", "sasl_username", "client_address")
_MARKS = tuple((name, f"\n{name}=") for name in _USED)


class PolicyFace(Conversation):
    face = "policy"
    longest = 32 * 1024

    def __init__(self, host: Host, desk: Desk, redlist: RedListDesk | None = None) -> None:
        super().__init__(host)
        self._desk = desk
        self._redlist = redlist

    def take(self, buffer: bytearray) -> Reply:
        end = buffer.find(b"\n\n")
        if end < 0:
            return None
        told = attributes(buffer[:end])
        del buffer[: end + 2]
        if told.get("request") != "smtpd_access_policy":
            raise MalformedError("not a request of smtpd_access_policy")
        if told.get("policy_context") == "explain":
            return self._explain(told)
        answer = self._answer(told)
        return action(answer) if isinstance(answer, Decision) else self._later_action(answer)

    def _answer(self, told: dict[str, str]) -> Decision | Awaitable[Decision]:
        context, client = told.get("policy_context"), told.get("client_address", "")
        recipient, login = told.get("recipient", ""), told.get("sasl_username", "")
        if context == "edge" and "sender" in told:
            if recipient and self._redlist is not None:
                return self._redlist.at_edge(login, told["sender"], recipient, client)
            return self._desk.transaction(login, told["sender"], client)
        if context == "submission" and "recipient" in told:
            answer = self._desk.recipient(recipient, client)
            if self._redlist is None or "sender" not in told or not isinstance(answer, Decision) or not answer.accepts:
                return answer
            return self._redlist.at_home(login, told["sender"], recipient, client)
        raise MalformedError("policy_context is neither edge nor submission, or there is no address")

    def _explain(self, told: dict[str, str]) -> bytes:
        """Ends the connection: the administrator's program reads until then."""
        self.end()
        if self._redlist is None:
            return b""
        names = ("sender", "recipient", "sasl_username")
        return f"action={self._redlist.explain(*(told.get(one, '') for one in names))}\n\n".encode()

    async def _later_action(self, answer: Awaitable[Decision]) -> bytes:
        return action(await answer)


def attributes(request: bytes | bytearray) -> dict[str, str]:
    """Those attributes of a request that are used here. Raises MalformedError: one said twice, too many, a NUL.

    Of some thirty lines six matter: looking for those takes half the time of reading all.
    """
    if request.count(b"\n") >= _MOST_ATTRIBUTES or b"\0" in request:
        raise MalformedError("too many attributes, or a NUL")
    text = f"\n{request.decode(errors='replace')}\n"
    told = {}
    for name, mark in _MARKS:
        pieces = text.split(mark)
        if len(pieces) == 2:
            value = pieces[1]
            told[name] = value[: value.index("\n")]
        elif len(pieces) > 2:
            raise MalformedError("an attribute is said twice")
    return told


def action(decision: Decision) -> bytes:
    """DUNNO leaves the word to Postfix's own restrictions that follow (access(5)). OK is the last one: what goes to the
    secretariat is none of the recipient's own quota, which would be asked next."""
    return _ACTIONS[decision.reason.code]


def _spelt(reason: Reason) -> str:
    if reason is TO_SECRETARIAT:
        return "OK"
    return "DUNNO" if reason.accepts else f"{reason.smtp} {reason.text}"


_ACTIONS = {reason.code: f"action={_spelt(reason)}\n\n".encode() for reason in REASONS}
