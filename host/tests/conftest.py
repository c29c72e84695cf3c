from broker_fixture import broker
from small_disk import small_disk

__all__ = ["broker", "small_disk"]
