"""Imported once by the server that forks the gateways to be killed: what each would load and make for itself."""

import uuid

from qcot.quantum.identity import validate
from qcot.quantum.qblock import QblockPhases, run_local_check
from qcot.quantum.qkd import distribute
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.qkd.store import Key, MemoryKeys
from trust_site import root_of

run_local_check([QblockPhases(0, 0)] * 3, [QblockPhases(0, 0)] * 3, 8, 0)
distribute("bb84", 8192, LinkParameters(), 0)
keys = [Key(uuid.UUID(int=0), bytes(32))]
validate(MemoryKeys(keys), MemoryKeys(keys), bytes(32), seed=0)
root_of()
