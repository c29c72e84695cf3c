"""Both brokers as one fixture; host/tests/conftest.py and hil_tests take it from here."""

from collections.abc import Iterator

import pytest
from qcot.broker import EmbeddedBroker, Mosquitto


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedBroker | Mosquitto]:
    """A running broker with `.host` and `.port`; it can be stopped and started again on the same port."""
    if request.param == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded
    else:
        with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as mosquitto:
            yield mosquitto
