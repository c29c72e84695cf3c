"""SeQUeNCe's own BB84 by its public interface, run by an interpreter that has it: argument keys, prints JSON.

The link is ours at its default: 1 km of 0.2 dB/km, detectors of 80 %. Its laser sends one photon a pulse in the mean
(0.1 would halve its rate: pulses without a photon take time, too).
"""

from __future__ import annotations

import json
import sys
import time

from sequence.components.optical_channel import ClassicalChannel, QuantumChannel
from sequence.kernel.timeline import Timeline
from sequence.qkd.BB84 import pair_bb84_protocols
from sequence.topology.node import QKDNode

KEY_BITS = 2048


def main(keys: int) -> None:
    """Distribute so many sifted keys without error correction (stack of one protocol), on one core."""
    timeline = Timeline()
    alice, bob = (QKDNode(name, timeline, stack_size=1, seed=seed) for seed, name in enumerate(("alice", "bob")))
    pair_bb84_protocols(alice.protocol_stack[0], bob.protocol_stack[0])
    for here, there in ((alice, bob), (bob, alice)):
        QuantumChannel(f"q.{here.name}", timeline, 2e-4, 1000, polarization_fidelity=0.99).set_ends(here, there.name)
        ClassicalChannel(f"c.{here.name}", timeline, 1000).set_ends(here, there.name)
    detectors = bob.get_components_by_type("QSDetectorPolarization")[0]
    for place in range(2):
        detectors.update_detector_params(place, "efficiency", 0.8)
    source = alice.get_components_by_type("LightSource")[0]
    source.mean_photon_num = 1
    timeline.init()
    alice.protocol_stack[0].push(KEY_BITS, keys)
    began = time.process_time()
    timeline.run()
    seconds = time.process_time() - began
    if len(alice.protocol_stack[0].throughputs) != keys:
        raise SystemExit("the keys did not come")
    json.dump({"photons": source.photon_counter, "seconds": seconds}, sys.stdout)


main(int(sys.argv[1]))
