"""What a board said on its line, judged by hashlib: no reading leaves it but under a MAC and on its chain."""

from __future__ import annotations

from hashlib import sha256

from qcot.link.frames import AUTH, FrameDecoder
from qcot.link.messages import Hello, Opened, Readings, decode

RECORD = 9


class Unchained:
    """Feed it what a board says; ``found`` names what is not on its chain, which begins with the boot.

    A listener who comes later takes the chain up where OPENED says that it stands.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.readings = 0
        self._decoder = FrameDecoder()
        self._epoch = -1
        self._opened = False
        self._links: dict[int, bytes] = {}

    def feed(self, said: bytes) -> None:
        """Take bytes as they came."""
        for frame in self._decoder.feed(said):
            if frame.type not in (Hello.TYPE, Opened.TYPE, Readings.TYPE):
                continue
            message = decode(frame)
            self._opened = self._opened or isinstance(message, Opened)
            if isinstance(message, Hello | Opened) and message.device != bytes(8) and message.epoch != self._epoch:
                start = sha256(b"qcot/chain/v1" + message.device + message.epoch.to_bytes(4, "little")).digest()
                self._epoch, self._links = message.epoch, {0: start}
            if isinstance(message, Opened) and self._link(message) != message.base_link:
                self.found.append(f"a session that goes on at reading {message.base} with another link")
            if isinstance(message, Readings):
                self._judge(message, bool(frame.flags & AUTH))

    def _link(self, message: Opened) -> bytes:
        return self._links.setdefault(message.base, message.base_link)

    def _judge(self, message: Readings, sealed: bool) -> None:
        seq, link = message.first, self._links.get(message.first)
        for at in range(0, len(message.records), RECORD):
            record = message.records[at : at + RECORD]
            link = None if link is None else sha256(link + seq.to_bytes(4, "little") + record).digest()
            seq += 1
        if link is None and sealed and not self._opened:
            return  # of another listener's session, which is over as soon as this one's begins
        if not sealed or link != message.link:
            self.found.append(f"readings {message.first} to {seq - 1} of epoch {self._epoch}")
        else:
            self._links[seq] = link
            self.readings += seq - message.first
