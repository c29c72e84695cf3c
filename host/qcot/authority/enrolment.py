"""Whether a board's request proves that the board has its key: the MAC of its ENROLLED frame (docs/link-protocol.md).

The bridge drew the key and the challenge, so the MAC shows that the board stored the key that an honest bridge gave it.
A bridge that lies can make the frame itself: that is why such a request is signed by a bridge that is certified.
A board's LMS key is certified only where that key has signed for this board. That it is the board's own, and not one
that the bridge made, is the word of the bridge that asks; it knows none that was certified for an honest one.
"""

from __future__ import annotations

from qcot.authority.problems import LMS_UNPROVEN, POSSESSION_UNPROVEN
from qcot.certificates.claims import BoardClaims
from qcot.certificates.request import BoardRequest
from qcot.errors import QcotError
from qcot.link import keys
from qcot.link.frames import parse
from qcot.link.messages import Enrolled
from qcot.link.problems import LinkError


def board_claims(request: BoardRequest) -> BoardClaims:
    """What is certified of the board; raises QcotError `possession-unproven` or `lms-unproven`."""
    frame = parse(request.frame)
    if frame is None or frame.type != Enrolled.TYPE:
        raise QcotError(POSSESSION_UNPROVEN, "not an ENROLLED frame with a good CRC")
    if not keys.enrolment_key(request.device_key, request.challenge).good(frame):
        raise QcotError(POSSESSION_UNPROVEN, "the frame's MAC is not that of the key")
    try:
        answer = Enrolled.decode(frame.body)
    except LinkError as error:
        raise QcotError(POSSESSION_UNPROVEN, error.reason) from error
    if (answer.device, answer.challenge) != (request.device, request.challenge):
        raise QcotError(POSSESSION_UNPROVEN, f"the frame is of board {answer.device.hex()} or another challenge")
    if request.lms is not None and not request.lms.is_proven(request.device):
        raise QcotError(LMS_UNPROVEN, f"no signature of board {request.device.hex()} under the LMS key that it names")
    commitment = keys.commitment(request.device, request.device_key)
    return BoardClaims(
        commitment, request.model, request.firmware, answer.image, request.channels,
        None if request.lms is None else request.lms.public,
    )  # fmt: skip
