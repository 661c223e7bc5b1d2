"""A directory and its replica on two hosts: what the replica holds, how it follows, and what it does when it cannot."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import Typed

from vaguemestre.lab import Lab, State
from vaguemestre.pki.authority import Authority, CertificateRequest

HERE = Path(__file__).parent / "replica"
PROVIDER, REPLICA = "a.scratch.test", "b.scratch.test"
DOMAIN = "a.scratch.mssante.test"
OWNER = CertificateRequest(REPLICA, "Établissement d'essai A", "Eure (27)", "1270000997")
SECONDS = 15  # for a change to come over; it takes less than one
HOST = "python3 /usr/lib/vaguemestre/host.pyz"
BY_CERTIFICATE = (
    "LDAPTLS_CACERT=/etc/vaguemestre/tls/national.pem LDAPTLS_CERT=/tmp/other.pem LDAPTLS_KEY=/tmp/other.key"
)

Shell = Callable[..., str]


@pytest.fixture(scope="module")
def certificate(lab: Lab, state: State) -> Iterator[None]:
    """The second host has a certificate of the first one's establishment, as long as these tests run."""
    kept, before = state.secrets / REPLICA, state.secrets / f"{REPLICA}.before"
    shutil.copytree(kept, before, dirs_exist_ok=True)
    issued = Authority.load(state.authority).issue(OWNER)
    (kept / "tls.key").write_bytes(issued.key_pem())
    (kept / "tls.pem").write_bytes(issued.chain_pem())
    yield
    shutil.rmtree(kept)
    before.rename(kept)


@pytest.fixture(scope="module")
def pair(scratch: tuple[str, ...], certificate: None, vaguemestre: Callable[..., Typed]) -> None:
    """Both hosts, provisioned; the nation's directory taken in."""
    vaguemestre("apply", inventory=HERE).succeeded()
    vaguemestre("directory", "refresh", inventory=HERE).succeeded()


@pytest.fixture(scope="module")
def shell(lab: Lab, pair: None) -> Shell:
    """Runs a command as root on one of the two; what it printed."""

    def run(host: str, command: str, *, may_fail: bool = False) -> str:
        ran = lab.exec(host, ["sh", "-c", command], timeout=120)
        said = ran.stdout.decode() + ran.stderr.decode()
        assert may_fail or ran.returncode == 0, f"{host}: {command}: {said}"
        return said

    return run


def found(shell: Shell, address: str, host: str = REPLICA) -> bool:
    """Whether a mail program finds the address in this host's address book, over TLS and without a login."""
    asked = f"LDAPTLS_CACERT=/etc/vaguemestre/tls/national.pem ldapsearch -x -LLL -H ldaps://{host}"
    return f"mail: {address}\n" in shell(PROVIDER, f"{asked} -b o=vaguemestre '(mail={address})' mail")


def wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"within {SECONDS} s: {what}"
        time.sleep(0.2)


def change(shell: Shell, address: str, attribute: str, value: str) -> None:
    """What the kit's own commands do to a mailbox, on the host that keeps it."""
    entry = f"mail={address},ou=mailboxes,o=vaguemestre"
    ldif = f"dn: {entry}\\nchangetype: modify\\nreplace: {attribute}\\n{attribute}: {value}\\n"
    shell(PROVIDER, f"printf '{ldif}' | ldapmodify -Q -Y EXTERNAL -H ldapi:///")


@pytest.fixture
def team(shell: Shell, request: pytest.FixtureRequest) -> str:
    """The address of a mailbox that everybody finds."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].rstrip("-")
    address = f"{name}@{DOMAIN}"
    shell(PROVIDER, f"{HOST} mailbox add {address} --type ORG --description Essai --responsible 'Camille Exemple'")
    change(shell, address, "vgmRedList", "none")
    wait(lambda: found(shell, address), f"{address} is found at the replica")
    return address


def current(shell: Shell) -> bool:
    return bool(json.loads(shell(REPLICA, f"{HOST} replica show"))["result"] == "current")


def test_the_replica_has_the_nations_mailboxes_too(shell: Shell) -> None:
    counted = "slapcat -f /etc/ldap/slapd.conf -b ou=national,o=vaguemestre | grep -c ^dn:"
    wait(lambda: shell(REPLICA, counted) == shell(PROVIDER, counted), "both have as many")
    assert int(shell(REPLICA, counted)) > 100


def test_a_mailbox_that_goes_onto_the_red_list_is_gone_from_the_replica_too(shell: Shell, team: str) -> None:
    change(shell, team, "vgmRedList", "unlisted")
    wait(lambda: not found(shell, team), f"{team} is hidden at the replica")
    assert team not in shell(REPLICA, "slapcat -f /etc/ldap/slapd.conf -b o=vaguemestre")


def test_nothing_of_a_mailbox_that_is_not_public_lies_on_the_replica(shell: Shell, team: str) -> None:
    held = shell(REPLICA, "slapcat -f /etc/ldap/slapd.conf -b o=vaguemestre")
    assert team in held
    for secret in ("userPassword", "vgmResponsible", "vgmQuotaMib", "vgmAllowed", "vgmUid"):
        assert f"{secret}:" not in held


def test_whoever_writes_to_a_replica_is_told_where_to(shell: Shell, team: str) -> None:
    ldif = f"dn: mail={team},ou=mailboxes,o=vaguemestre\\nchangetype: modify\\nreplace: sn\\nsn: X\\n"
    said = shell(REPLICA, f"printf '{ldif}' | ldapmodify -Q -Y EXTERNAL -H ldapi:///", may_fail=True)
    assert f"ldaps://{PROVIDER}" in said


@pytest.mark.parametrize(
    "other",
    [
        CertificateRequest("b.scratch.test", "Établissement d'essai B", "Eure (27)", "1270000998"),
        CertificateRequest("c.scratch.test", "Établissement d'essai A", "Eure (27)", "1270000997"),
    ],
)
def test_no_other_certificate_of_the_same_authority_reads_as_a_replica(
    other: CertificateRequest, shell: Shell, team: str, lab: Lab, state: State
) -> None:
    change(shell, team, "vgmRedList", "unlisted")
    issued = Authority.load(state.authority).issue(other)
    for path, content in (("/tmp/other.pem", issued.chain_pem()), ("/tmp/other.key", issued.key_pem())):  # noqa: S108
        lab.exec(PROVIDER, ["sh", "-c", f"cat >{path}"], stdin=content)
    asked = f"{BY_CERTIFICATE} ldapsearch -Q -Y EXTERNAL -LLL -H ldaps://{PROVIDER}"
    assert team not in shell(PROVIDER, f"{asked} -b o=vaguemestre '(objectClass=*)' 2>&1", may_fail=True)
    assert "cn=replicator" not in shell(PROVIDER, asked.replace("ldapsearch", "ldapwhoami").replace(" -LLL", ""))


def test_a_replica_that_was_away_catches_up(shell: Shell, team: str) -> None:
    shell(REPLICA, "systemctl stop slapd")
    change(shell, team, "vgmRedList", "unlisted")
    shell(PROVIDER, "systemctl restart slapd")  # with it goes the list of what happened meanwhile
    shell(REPLICA, "systemctl start slapd")
    wait(lambda: not found(shell, team), f"{team} is hidden at the replica")
    wait(lambda: current(shell), "the replica says that it follows")


def test_what_was_acknowledged_before_a_crash_reaches_the_replica_afterwards(shell: Shell, team: str) -> None:
    """slapd dies at once after its answer, while the replica is away: the count of changes must be on the disk."""
    shell(REPLICA, "systemctl stop slapd")
    change(shell, team, "vgmRedList", "unlisted")
    shell(PROVIDER, "systemctl kill --signal=KILL slapd; sleep 3; systemctl is-active slapd")
    shell(REPLICA, "systemctl start slapd")
    wait(lambda: not found(shell, team), f"{team} is hidden at the replica")


def test_a_national_database_that_is_filled_anew_reaches_the_replica(shell: Shell, team: str) -> None:
    """As at a first load: slapadd(8) beside the live database, a change of ours meanwhile, then the swap."""
    database, aside = "/var/lib/ldap/national", "/var/lib/ldap/national.new"
    shell(
        PROVIDER,
        f"rm -rf {aside}; install -d -o openldap -g openldap {aside};"
        f" sed 's#^directory {database}$#directory {aside}#' /etc/ldap/slapd.conf >/tmp/aside.conf;"
        " slapcat -f /etc/ldap/slapd.conf -b ou=national,o=vaguemestre | grep -vE '^(entry|creat|modif|struct|context)'"
        " >/tmp/aside.ldif; printf 'dn: mail=neue@peer.mssante.test,ou=national,o=vaguemestre\\n"
        "objectClass: vgmNationalMailbox\\nmail: neue@peer.mssante.test\\nvgmMailboxType: ORG\\nvgmFingerprint: 0\\n'"
        " >>/tmp/aside.ldif;"
        f" slapadd -q -f /tmp/aside.conf -b ou=national,o=vaguemestre -l /tmp/aside.ldif; chown -R openldap: {aside}",
    )
    change(shell, team, "description", "Plus tard")
    shell(PROVIDER, f"systemctl stop slapd; mv {database} {database}.old; mv {aside} {database}; systemctl start slapd")
    wait(lambda: found(shell, "neue@peer.mssante.test"), "the new one is found at the replica")
    wait(lambda: current(shell), "the replica says that it follows")
    shell(PROVIDER, f"rm -rf {database}.old")


def test_a_lost_provider_leaves_searches_answered_and_ours_are_forgotten_in_time(
    shell: Shell, team: str, vaguemestre: Callable[..., Typed]
) -> None:
    """Hours are not waited for: the replica's memory is set back."""
    shell(PROVIDER, "systemctl stop slapd")
    assert found(shell, team)
    began = time.time()
    _older(shell, minutes=3)
    told = shell(REPLICA, f"{HOST} replica watch")  # unless the timer was first: it is told once an hour
    told += shell(REPLICA, f"journalctl -u vaguemestre-replica --since=@{began:.0f} -o cat")
    assert "does not follow" in told
    assert vaguemestre("directory", "replicas", inventory=HERE).code == 3
    assert found(shell, team)
    _older(shell, minutes=6)
    shell(REPLICA, f"{HOST} replica watch")
    assert not found(shell, team)
    assert found(shell, "neue@peer.mssante.test")
    shell(PROVIDER, "systemctl start slapd")
    wait(lambda: found(shell, team), f"{team} is back")
    shell(REPLICA, f"{HOST} replica watch")
    assert vaguemestre("directory", "replicas", inventory=HERE).code == 0


def _older(shell: Shell, minutes: int) -> None:
    memory = {"confirmed": {"mailboxes": time.time() - minutes * 60, "national": time.time()}, "told": 0}
    shell(REPLICA, f"echo '{json.dumps(memory)}' >/var/lib/vaguemestre-replica/memory.json")
