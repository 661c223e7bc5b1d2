"""The lab: a rehearsal trust space of booted hosts on this machine, with the nation's side beside them.

lab = Lab.open("lab")
state = lab.up(plan, print)
lab.exec("mail.example.test", ["systemctl", "is-system-running"])
lab.down()
"""

from vaguemestre.lab.errors import LabError
from vaguemestre.lab.lab import Lab
from vaguemestre.lab.plan import Guest, Listed, MailDomain, Peer, Plan
from vaguemestre.lab.state import GuestStatus, State
from vaguemestre.lab.zone import Zone
from vaguemestre.pki.authority import CertificateRequest

__all__ = [
    "CertificateRequest",
    "Guest",
    "GuestStatus",
    "Lab",
    "LabError",
    "Listed",
    "MailDomain",
    "Peer",
    "Plan",
    "State",
    "Zone",
]
