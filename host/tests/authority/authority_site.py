"""Keys and boards that ask an authority for certificates."""

import pytest
from qcot.certificates import request
from qcot.certificates.certificate import LogClaims, Role
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.link import keys
from qcot.link.frames import seal
from qcot.link.messages import Enrolled

NOW = 1_800_000_000
BRIDGE, OTHER = SigningKey(ML_DSA_65, b"\x01" * 32), SigningKey(ML_DSA_65, b"\x02" * 32)
GATEWAY = SigningKey(ML_DSA_44, b"\x03" * 32)
DEVICE, DEVICE_KEY, CHALLENGE, IMAGE = bytes.fromhex("0123456789abcdef"), b"k" * 32, b"c" * 16, b"i" * 32


def name(call, *arguments, **options) -> str:
    """The name of the problem that the call raises."""
    with pytest.raises(QcotError) as caught:
        call(*arguments, **options)
    return caught.value.problem.name


def bridge_request(key=BRIDGE, called="attic", time=NOW, site="lab", policy="p-1"):
    return request.for_key(key, role=Role.BRIDGE, site=site, name=called, time=time, policy=policy)


def gateway_request():
    log = LogClaims("qcot/lab/gateway", 1, ("witness",))
    return request.for_key(GATEWAY, role=Role.GATEWAY, site="lab", name="gateway", time=NOW, log=log)


def enrolled(device=DEVICE, key=DEVICE_KEY, challenge=CHALLENGE):
    """The frame in which a board that has ``key`` answers."""
    return seal(Enrolled.TYPE, Enrolled(device, challenge, IMAGE).encode(), 1, keys.enrolment_key(key, challenge))


def board_request(bridge=BRIDGE, time=NOW, site="lab", **changes):
    said = {
        "device": DEVICE, "device_key": DEVICE_KEY, "challenge": CHALLENGE, "frame": enrolled(), "model": "uno",
        "firmware": b"\x00\x01\x00", "channels": (),
    }  # fmt: skip
    return request.for_board(bridge, site=site, time=time, **said | changes)
