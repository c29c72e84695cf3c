"""An authority for tests: its root signs for a second when it is made, so one is made and copied."""

import shutil

import pytest
from authority_site import NOW, bridge_request
from qcot.authority.store import AuthorityStore


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "authority"
    AuthorityStore.create(folder, site="lab", now=NOW).close()
    return folder


@pytest.fixture(scope="session")
def rotated(made, tmp_path_factory):
    """An authority that issued BRIDGE's certificate and then took a new issuing key; the old one beside its folder."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("rotated") / "authority")
    shutil.copy2(folder / "issuing.seed", folder.parent / "issuing.old")
    with AuthorityStore(folder) as store:
        store.open_window(600, NOW)
        store.issue(bridge_request(), NOW)
        store.rotate_issuer(NOW + 5)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "authority")


@pytest.fixture
def store(folder):
    """With its window open for ten minutes."""
    with AuthorityStore(folder) as opened:
        opened.open_window(600, NOW)
        yield opened
