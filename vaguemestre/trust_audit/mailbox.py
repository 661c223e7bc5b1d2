"""The audit's mailbox at the operator: writes to every peer in one session, and looks at what came."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, default
from email.utils import localtime

from vaguemestre.lab.case import Case
from vaguemestre.trust_audit import outbound
from vaguemestre.trust_audit.evidence import Reply, Returned, returned
from vaguemestre.verify.correspondent import Correspondent

_MESSAGE_ID = re.compile(rb"(?im)^message-id:\s*<([^>\r\n]+)>")


@dataclass(frozen=True)
class Mailbox:
    """A mailbox that was opened for the audit."""

    probe: Correspondent
    run: str

    def submit(self, cases: Sequence[Case]) -> dict[str, Reply]:
        """Write to every case's peer; the submission server's answer, by the case's slug.

        One session for all, and a new one after a refusal: servers hang up on those who are refused too often.
        """
        answers: dict[str, Reply] = {}
        while left := [case for case in cases if case.slug not in answers]:
            with self.probe.submission() as session:
                for case in left:
                    answers[case.slug] = self._submitted(session, case)
                    if answers[case.slug].code != 250:
                        break
        return answers

    def _submitted(self, session: smtplib.SMTP, case: Case) -> Reply:
        code, text = session.mail(self.probe.address)
        if code == 250:
            code, text = session.rcpt(case.address)
        if code == 250:
            code, text = session.data(self._letter(case))
        return Reply(case.slug, 1, "submission", code, text.decode(errors="replace"))

    def _letter(self, case: Case) -> bytes:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.probe.address, case.address, f"Audit {case.slug}"
        message["Date"] = localtime()
        message["Message-ID"] = f"<{outbound.mark(self.run, case)}@{self.probe.domain}>"
        message.set_content("Message d'audit, sans contenu.\n")
        return message.as_bytes(policy=SMTP)

    def looked(self) -> tuple[frozenset[str], tuple[Returned, ...]]:
        """What the audit brought so far: Message-IDs, and the reports of non-delivery about its own messages."""
        with self.probe.imap() as session:
            _, (found, *_) = session.search(None, "TEXT", f'"{self.run}"')
            numbers = b",".join(found.split()).decode()
            if not numbers:
                return frozenset(), ()
            _, data = session.fetch(numbers, "(BODY.PEEK[])")
        letters = [part[1] for part in data if isinstance(part, tuple)]
        marks = frozenset(one[1].decode() for one in map(_MESSAGE_ID.search, letters) if one)
        reports = [BytesParser(policy=default).parsebytes(one) for one in letters if b"message/delivery-status" in one]
        return marks, tuple(one for report in reports for one in returned(report))
