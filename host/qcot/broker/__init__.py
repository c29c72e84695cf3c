"""MQTT brokers that QCoT starts itself: amqtt inside this process, and the distribution's Mosquitto."""

from qcot.broker.embedded import EmbeddedBroker
from qcot.broker.mosquitto import Mosquitto, make_certificates

__all__ = ["EmbeddedBroker", "Mosquitto", "make_certificates"]
