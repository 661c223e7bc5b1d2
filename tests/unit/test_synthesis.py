"""From an inventory to a release: deterministic, complete, and refused when a secret is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from golden.hosts import HERE, NAMES, context, contexts

from vaguemestre import inventory, synthesis
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import RoleName
from vaguemestre.secrets import Secrets


@pytest.mark.parametrize("name", NAMES)
def test_the_same_inventory_always_gives_the_same_releases(name: str) -> None:
    contexts.cache_clear()
    first = [synthesis.synthesise(one).id for one in contexts(name)]
    contexts.cache_clear()
    assert [synthesis.synthesise(one).id for one in contexts(name)] == first


def test_every_role_of_the_model_has_a_module_that_says_what_it_needs() -> None:
    assert all({"NEEDS", "items"} <= vars(synthesis.role(name)).keys() for name in RoleName)


@pytest.mark.parametrize("name", list(RoleName))
def test_a_role_needs_only_roles_that_come_before_it(name: RoleName) -> None:
    order = list(RoleName)
    assert all(order.index(needed) < order.index(name) for needed in synthesis.role(name).NEEDS)


def test_a_host_gets_what_its_roles_say_and_nothing_else() -> None:
    release = synthesis.synthesise(context("fullest", "bastion"))
    assert set(release.authors.values()) == {"base", "pki"}


def test_an_operator_answers_for_the_domains_of_those_it_hosts() -> None:
    assert context("fullest", "mail.ch-lens").domains == (
        "ch-lens.mssante.test",
        "infirmiers-62.mssante.test",
        "les-tilleuls.mssante.test",
        "samu-62.mssante.test",
    )


def test_the_white_lists_server_may_have_authorities_of_its_own() -> None:
    assert context("smallest", "mail").list_anchors == ""
    assert "BEGIN CERTIFICATE" in context("fullest", "mail.ch-lens").list_anchors


def test_a_host_whose_secret_is_missing_has_no_release() -> None:
    without = replace(context("smallest", "mail"), secrets={"tls.pem": "00aa"})
    with pytest.raises(ReleaseError, match=r"mail\.pasteur-evreux\.mssante\.test: the secret tls\.key is missing"):
        synthesis.synthesise(without)


def test_secrets_are_known_by_their_versions_only(tmp_path: Path) -> None:
    Secrets(tmp_path).write("mail.pasteur-evreux.mssante.test", "tls.key", b"a private key")
    fleet = inventory.read(HERE / "inventories" / "smallest")
    establishment, host = next(fleet.hosts())
    settings = establishment.settings.model_copy(update={"secrets": tmp_path})
    known = synthesis.context(fleet, establishment.model_copy(update={"settings": settings}), host)
    assert known.secrets.keys() == {"tls.key"}
    assert "a private key" not in repr(known)
