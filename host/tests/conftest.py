from broker_fixture import broker

__all__ = ["broker"]
