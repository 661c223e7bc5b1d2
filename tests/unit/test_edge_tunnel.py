"""Edges on hosts of their own: who speaks to whom, and who must prove what."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import OPERATOR, write
from golden.hosts import context

from roles import base, edge_tunnel, trust
from vaguemestre import inventory
from vaguemestre.context import Context
from vaguemestre.errors import InventoryError
from vaguemestre.release import File

EDGE, MAIL = context("fullest", "mx2.ch-lens"), context("fullest", "mail.ch-lens")


def _configuration(known: Context) -> list[str]:
    items = edge_tunnel.beginning(known) if edge_tunnel.begins(known) else edge_tunnel.end(known)
    (found,) = [one for one in items if isinstance(one, File) and one.path == edge_tunnel.CONFIGURATION]
    return found.content.decode().splitlines()


def test_an_edge_believes_its_own_mail_host_and_nobody_else() -> None:
    said = _configuration(EDGE)
    assert "connect = 192.0.2.21:10026" in said
    assert "verifyChain = yes" in said
    assert [line for line in said if line.startswith("checkHost")] == ["checkHost = mail.ch-lens.mssante.test"]


def test_a_mail_host_believes_its_own_edges_and_nobody_else() -> None:
    said = _configuration(MAIL)
    assert "client = no" in said
    assert [line for line in said if line.startswith("checkHost")] == ["checkHost = mx2.ch-lens.mssante.test"]


def test_the_mail_hosts_firewall_lets_its_edges_in_there_and_nobody_else() -> None:
    (port,) = [one for one in base.services(MAIL) if one.port == base.TUNNEL]
    assert port.networks == ("192.0.2.24",)
    assert all(one.port != base.TUNNEL for one in base.services(EDGE))


def test_on_an_edge_alone_postfix_asks_nothing_and_alarms_stay_in_the_journal() -> None:
    assert [one.owner for one in trust.sockets(EDGE)] == ["www-data", None]
    assert trust.settings(EDGE)["notify"] is None


@pytest.mark.parametrize(
    ("others", "wrong"),
    [
        ("", "no host has it"),
        (
            "  - {name: a.test, address: 10.83.27.12, roles: [base, pki, openldap, dovecot, trust, postfix]}\n"
            "  - {name: b.test, address: 10.83.27.13, roles: [base, pki, openldap, dovecot, trust, postfix]}\n",
            "several hosts have it: a.test, b.test",
        ),
    ],
)
def test_an_edge_leads_to_exactly_one_mail_host(tmp_path: Path, others: str, wrong: str) -> None:
    text = OPERATOR.replace("roles: [base, pki]\n", f"roles: [base, pki, trust, edge]\n{others}")
    with pytest.raises(InventoryError, match=wrong):
        inventory.read(write(tmp_path, pasteur=text))
