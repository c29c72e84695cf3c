import pytest
from boards import Board, BridgeSide
from gateway_site import AUTHORITY, CHAIN, GATEWAY_KEY, Desk, Endpoint
from patience import until
from qcot.gateway import Gateway, GatewayConfig


@pytest.fixture
def bridge():
    return BridgeSide()


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def config(tmp_path):
    """Makes the configuration of a gateway with its ledger in tmp_path."""

    def make(broker=None, **options):
        values = {
            "site": "home", "name": "gw", "origin": "qcot.local/home", "ledger": tmp_path / "ledger.db",
            "key": GATEWAY_KEY, "authority": AUTHORITY.root, "certificates": CHAIN, "interval_s": 0.2, "shots": 64,
        }  # fmt: skip
        if broker is not None:
            values |= {"host": broker.host, "port": broker.port}
        return GatewayConfig(**(values | options))

    return make


@pytest.fixture
def running(config, broker):
    """Starts gateways on the broker, and stops them."""
    started = []

    def start(**options):
        events = []
        gateway = Gateway(config(broker, **options), events.append)
        gateway.start()
        started.append(gateway)
        until(lambda: gateway.snapshot().connected, "the broker")
        gateway.events = events
        return gateway

    yield start
    for gateway in started:
        gateway.stop()


@pytest.fixture
def endpoint(broker):
    made = []

    def make(name="b1", site="home"):
        made.append(Endpoint(broker, name, site))
        return made[-1]

    yield make
    for each in made:
        each.link.stop(flush_s=0)


@pytest.fixture
def desk(config):
    """Opens desks; a second one on the same ledger needs the first to be stopped."""
    opened = []

    def make(**options):
        opened.append(Desk(config(**({"interval_s": 3600.0} | options))))
        return opened[-1]

    yield make
    for each in opened:
        each.stop()
