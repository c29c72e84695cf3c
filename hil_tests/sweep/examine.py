"""A board after its power came back: what it says must fit what was known when it went."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qcot.boards.stepped import CLOCK_HZ
from qcot.link.events import SawResult, TookReadings
from qcot.link.messages import Calibrate, Code, Command, Configure, Hello
from qcot.link.signer import Phase

from sweep import signing
from sweep.faults import Fault
from sweep.host import Host
from sweep.known import Known, Settings, ViolationError

ERASE_PIN, ERASE_HOLD_S = "12", 0.5
RATE = 100_000
INPUTS = 4  # A0 to A3: nothing else wants their pins, and they are read whatever else is
WHOLE_SIGNATURE, WHOLE_KEY = 0.02, 0.005


class ToldForGoodError(Exception):
    """The board said that it cannot go on, and why: all that can be asked of it."""


@dataclass
class Findings:
    """What an examination went through, for the count."""

    signatures: int = 0
    keys: int = 0
    damage_told: int = 0


def examine(host: Host, fault: Fault) -> Findings:
    """Boot, talk, measure, sign; raises ViolationError for what must not be."""
    found = Findings()
    known = host.known
    if fault.wiped:
        host.known = known = Known(offered=dict(known.offered), nonces=known.nonces)
    host.board.power_on()
    hello = _identity(host, fault, found)
    host.opened()
    _settings(host, hello, fault)
    _measures(host, hello, fault)
    _signs(host, fault, found)
    return found


def _identity(host: Host, fault: Fault, found: Findings) -> Hello:
    """It is who it was, or says that it is nobody, or that it does not know any more; then it takes a new identity."""
    hello, known = host.hello(), host.known
    if hello.enrolled:
        if hello.device not in known.offered or known.device not in (None, hello.device):
            raise ViolationError(
                "wrong-identity", f"{hello.device.hex()}, proven was {known.device and known.device.hex()}"
            )
        return hello
    if hello.damaged:
        found.damage_told += 1
        # An enrolment that was cut short may tell, whatever it is that broke it.
        if not fault.tells and known.device is not None:
            raise ViolationError("key-lost", "the identity is damaged")
        erase(host)
        hello = host.hello()
        if hello.damaged and fault.lasts:  # a byte that takes no write is damaged for good, and it says so
            raise ToldForGoodError
        if hello.enrolled or hello.damaged:
            raise ViolationError("not-erased", f"state {hello.state} after an erase")
    elif known.device is not None:
        raise ViolationError("key-lost", "it says that it is not enrolled")
    forget(host)
    if not host.enrol():
        if not fault.lasts:
            raise ViolationError("enrol-refused", "an EEPROM that is sound takes an identity")
        found.damage_told += 1
        raise ToldForGoodError
    return hello


def forget(host: Host) -> None:
    """An erase, or an identity that never was: nothing is known but what must never come again."""
    known = host.known
    host.known = Known(epoch=known.epoch, nonces=known.nonces, offered=known.offered, settings=None)


def erase(host: Host) -> None:
    """What an operator does with a board that tells damage: D12 to GND through a reset."""
    host.board.power_off()
    host.board.drive(ERASE_PIN, "0")
    host.board.power_on()
    held = host.now + ERASE_HOLD_S
    while host.now < held:
        host.run(int((held - host.now) * CLOCK_HZ))
    host.board.drive(ERASE_PIN, "z")
    host.restart()


def allowed(known: Known, fault: Fault) -> list[Settings | None]:
    """What a board may say that it keeps: what was stored, or what was asked for and not answered."""
    return [known.settings, known.wanted, *([known.earlier] if fault.heals else [])]


def _settings(host: Host, hello: Hello, fault: Fault) -> None:
    known, settings = host.known, host.settings(hello.channels)
    if known.settings is None or settings in allowed(known, fault):
        pass
    elif fault.tells and not hello.state & 2 and not any(each.rate for each in settings):
        pass  # it says that it was told nothing, and measures nothing
    else:
        raise ViolationError("settings-mixed", f"{settings} is neither {known.settings} nor {known.wanted}")
    known.settings, known.wanted = settings, None


def _measures(host: Host, hello: Hello, fault: Fault) -> None:
    """Readings come, on the chain of this very boot, after the host has said what it wants."""
    inputs = host.known.settings[:INPUTS] if host.known.settings else ()
    channel = host.rng.randrange(INPUTS)
    if not any(each.rate >= 1000 for each in inputs) or host.rng.random() < 0.1:
        code = configure(host, channel, RATE)
        if code is Code.STORAGE_FAILED and fault.lasts:
            if host.settings(hello.channels) != host.known.settings:
                raise ViolationError("settings-mixed", "a refused change changed something")
            return
        if code is not Code.OK:
            raise ViolationError("configure-refused", code.label)
    host.next(TookReadings)


def configure(host: Host, channel: int, rate: int) -> Code:
    """Set a rate; what is known follows the answer."""
    host.session.configure(channel, rate)
    return _change(host, channel, Configure, rate=rate)


def calibrate(host: Host, channel: int, num: int, den: int, offset: int) -> Code:
    """Set how a channel's values become physical ones."""
    host.session.calibrate(channel, num, den, offset)
    return _change(host, channel, Calibrate, num=num, den=den, offset=offset)


def _change(host: Host, channel: int, command: type[Command], **new: int) -> Code:
    known = host.known
    assert known.settings is not None
    wanted = list(known.settings)
    wanted[channel] = replace(wanted[channel], **new)
    known.wanted = tuple(wanted)
    code = host.next(SawResult, lambda result: isinstance(result.command, command)).code
    if code is Code.OK:
        known.earlier, known.settings = known.settings, known.wanted
    known.wanted = None
    return code


def _signs(host: Host, fault: Fault, found: Findings) -> None:
    signer = signing.judge(host, may_be_damaged=fault.tells)
    if signer.phase is Phase.DAMAGED:
        found.damage_told += 1
        return
    try:
        if signer.phase is Phase.READY and host.rng.random() < WHOLE_SIGNATURE:
            signing.check_root(host, signer)
            signing.sign(host, signer)
            found.signatures += 1
        elif signer.phase is Phase.GENERATING and host.rng.random() < WHOLE_KEY:
            signing.fold(host, signer)
            found.keys += 1
    except signing.RefusedError as refused:
        if not fault.lasts or refused.code not in (Code.STORAGE_FAILED, Code.KEY_DAMAGED):
            raise ViolationError("signer-refused", str(refused)) from refused
        found.damage_told += 1
