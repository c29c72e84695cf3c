import contextlib

import pytest
from kme_site import Stranger, filled
from qcot.broker import make_certificates
from qcot.kme.server import KmeServer
from qcot.kme.tls import TlsFiles


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """The folder with the certificates of a site."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder, "127.0.0.1", "bridge", "gateway", "other")
    return folder


@pytest.fixture
def kme(tmp_path):
    with filled(tmp_path / "kme") as made:
        yield made


@pytest.fixture
def server(kme, tls):
    with KmeServer(kme, TlsFiles.of(tls, "server")) as running:
        yield running


@pytest.fixture
def sae(server, tls):
    """Makes clients that are not ours, by their name."""
    return lambda name: Stranger(server, TlsFiles.of(tls, name))


@pytest.fixture
def serve(tls):
    with contextlib.ExitStack() as stack:
        yield lambda kme, **options: stack.enter_context(KmeServer(kme, TlsFiles.of(tls, "server"), **options))
