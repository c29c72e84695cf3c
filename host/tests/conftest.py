import gc

from broker_fixture import broker
from hypothesis import settings
from small_disk import small_disk

__all__ = ["broker", "small_disk"]

# No test asserts how long anything takes: the machine may be busy.
settings.register_profile("no-clock", deadline=None, max_examples=60)
settings.load_profile("no-clock")

# Qiskit is a million objects that stay: a collector that looks through them as often as it is used to takes a tenth
# of the time that tests compute.
gc.set_threshold(50_000, 20, 50)
