"""Role openldap on a second host: who follows whom, how each is known, and what a replica may hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from golden.hosts import context

from roles import base, openldap
from roles import openldap_replication as replication
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import RoleName
from vaguemestre.host.replica.layout import REPLICATOR
from vaguemestre.release import File, Unit

PROVIDER = context("fullest", "mail.ch-lens")
REPLICA = context("fullest", "annuaire.ch-lens")
ALONE = context("smallest", "mail")


def written(which: object) -> dict[str, str]:
    return {item.path: item.content.decode() for item in openldap.items(which) if isinstance(item, File)}  # type: ignore[arg-type]


KEPT, FOLLOWING = written(PROVIDER), written(REPLICA)


def test_the_host_with_the_mail_is_the_provider_and_the_other_its_replica() -> None:
    one = PROVIDER.establishment
    assert (one.providers, one.replicas) == ((PROVIDER.host,), (REPLICA.host,))


def test_a_directory_alone_is_its_own_provider_and_speaks_of_no_replica() -> None:
    assert (ALONE.establishment.providers, ALONE.establishment.replicas) == ((ALONE.host,), ())
    assert "replicat" not in re.sub("#.*", "", written(ALONE)[openldap.CONFIGURATION])


def test_a_replica_follows_both_branches_from_its_provider_and_believes_the_anchors_only() -> None:
    followed = re.findall(r"^syncrepl (?:.+\n)+", FOLLOWING[openldap.CONFIGURATION], re.MULTILINE)
    bases = [re.findall(r'searchbase="(.+)"', one)[0] for one in followed]
    assert bases == ["ou=national,o=vaguemestre", "ou=mailboxes,o=vaguemestre"]
    for one in followed:
        assert "provider=ldaps://mail.ch-lens.mssante.test\n" in one
        assert f"tls_cacert={replication.ANCHORS}\n" in one
        assert "tls_reqcert=demand" in one
    assert FOLLOWING[replication.ANCHORS].count("BEGIN CERTIFICATE") > 0


def test_a_replica_asks_only_for_what_everybody_may_see() -> None:
    ours = FOLLOWING[openldap.CONFIGURATION].partition("rid=001")[2]
    wanted = re.findall(r'filter="(.+)"', ours)[0]
    assert "(vgmRedList=none)" in wanted
    assert "(vgmState=active)" in wanted


def test_no_provider_gives_a_replica_a_password_or_what_is_not_public() -> None:
    given = {*replication.SCOPE, *replication.COPIED}
    assert not given & {"userPassword", "vgmResponsible", "vgmAllowed", "vgmSecretariat", "vgmSender", "vgmQuotaMib"}


def test_a_replica_makes_no_tree_of_its_own_and_is_watched() -> None:
    units = [item.name for item in openldap.items(REPLICA) if isinstance(item, Unit)]
    assert units == ["vaguemestre-replica.timer", "slapd.service"]
    known = json.loads(FOLLOWING["/etc/vaguemestre/replica.json"])
    assert known["provider"] == "mail.ch-lens.mssante.test"
    assert known["alarm_seconds"] < known["forget_seconds"]


def test_the_firewall_lets_the_replica_reach_its_provider_whoever_may_search() -> None:
    nobody = PROVIDER.settings.directory.model_copy(update={"client_networks": ()})
    closed = replace(PROVIDER, settings=PROVIDER.settings.model_copy(update={"directory": nobody}))
    assert [one.networks for one in base.services(closed) if one.port == 636] == [("192.0.2.23",)]
    assert "ldaps:///" in written(closed)["/etc/default/slapd"]


def patterns(name: str = "CH de Lens") -> list[str]:
    one = PROVIDER.establishment.model_copy(update={"name": name})
    return [replication.pattern(one, REPLICA.host, unit) for unit in one.certificate_units]


def mapped(dn: str, name: str = "CH de Lens") -> bool:
    """As slapd does: extended regular expressions, without regard to case."""
    return any(re.search(pattern, dn, re.IGNORECASE) for pattern in patterns(name))


OWN = "cn=annuaire.ch-lens.mssante.test,ou=1620000999,o=ch de lens,st=pas-de-calais (62),c=fr"


def test_the_replica_is_known_by_the_whole_dn_of_its_certificate() -> None:
    assert mapped(OWN)


@pytest.mark.parametrize(
    "other",
    [
        OWN.replace("annuaire.ch-lens", "mail.ch-lens"),
        OWN.replace("annuaire.ch-lens", "annuairexch-lens"),
        OWN.replace("1620000999", "1620000998"),
        OWN.replace("ch de lens", "ch de lens 2"),
        OWN.replace("st=pas", "st=x,st=pas"),
        OWN + ",c=fr",
        "cn=x," + OWN,
        OWN.replace("(62)", "62"),
    ],
)
def test_nobody_else_is_taken_for_it(other: str) -> None:
    assert not mapped(other)


@pytest.mark.parametrize(
    ("name", "normalized"),  # as slapd 2.6.10 wrote them
    [
        (
            'Établissement d\'essai, A + "B" #œuvre  Ünd',
            r"\C3\A9tablissement d'essai\2C a \2B \22b\22 #\C5\93uvre \C3\BCnd",
        ),
        (
            "#a=b;c<d>e\\f*g/h|i{j}k[l]m^n$o?p&q%r~s@t:u!v`w_x",
            r"\23a\3Db\3Bc\3Cd\3Ee\5Cf*g/h|i{j}k[l]m^n$o?p&q%r~s@t:u!v`w_x",
        ),
    ],
)
def test_names_with_accents_and_signs_are_known_as_slapd_writes_them(name: str, normalized: str) -> None:
    assert mapped(OWN.replace("ch de lens", normalized), name)
    assert not any('"' in pattern or "\\" in pattern for pattern in patterns(name)), "slapd.conf(5) would read it"


def test_the_provider_maps_every_replica_under_each_number_its_certificate_may_bear() -> None:
    assert PROVIDER.establishment.certificate_units == ("1620000999",)
    assert KEPT[openldap.CONFIGURATION].count(f'"{REPLICATOR}"\n') >= 1
    assert len(re.findall(r'^authz-regexp "\^cn=annuaire', KEPT[openldap.CONFIGURATION], re.MULTILINE)) == 1


def test_a_replica_whose_provider_cannot_be_told_gets_no_release() -> None:
    hosts = tuple(host for host in REPLICA.establishment.hosts if not host.has(RoleName.DOVECOT))
    second = REPLICA.host.model_copy(update={"name": "b.test"})
    one = REPLICA.establishment.model_copy(update={"hosts": (*hosts, second)})
    with pytest.raises(ReleaseError, match="follows exactly one"):
        replication.replication(replace(REPLICA, establishment=one))
