import contextlib

import pytest
from bridge_site import GatewayPeer, Home
from qcot.bridge.daemon import Bridge
from qcot.broker import Mosquitto


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


@pytest.fixture
def gateway(mosquitto):
    with GatewayPeer(mosquitto) as running:
        yield running


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def running():
    """Starts bridges and stops them at the end, whatever happens."""
    with contextlib.ExitStack() as stack:

        def start(config):
            bridge = Bridge(config)
            stack.callback(bridge.stop)
            bridge.start()
            return bridge

        yield start
