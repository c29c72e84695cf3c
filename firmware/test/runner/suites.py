"""Which tests there are: of each suite its folder, what it links, and the AVR that it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
LIB = HERE.parent / "lib"
BUILD = HERE.parents[1] / "build" / "firmware-test"


@dataclass(frozen=True)
class Suite:
    """A folder with a test.cpp, the library files it links, and the AVR whose memory it needs, if it runs on one."""

    name: str
    libs: tuple[str, ...]
    mcu: str = "atmega328p"
    memory_hal: bool = False
    lms: tuple[int, int, int] = (24, 4, 5)
    """n, W and H of the signer."""

    @property
    def variant(self) -> str:
        """What tells it from others of its name."""
        return self.name + "".join(f"-{x}" for x in self.lms if self.lms != Suite.lms)

    @property
    def flags(self) -> list[str]:
        """The set of its signer, for the compiler."""
        return [f"-DQCOT_LMS_{letter}={x}" for letter, x in zip("NWH", self.lms, strict=True)]


CORE = ("crypto", "link", "chain", "sensors", "signer", "board")
CRYPTO = Suite("crypto", ("crypto",))
SIGNER = {"signer": "atmega2560", "leaves": "atmega2560", "signer_key": ""}
"""The suites of the signer, and where they run."""
SUITES = (
    CRYPTO,
    Suite("link", ("crypto", "link"), "atmega2560"),
    Suite("chain", ("crypto", "link", "chain")),
    Suite("sensors", CORE, "atmega2560", memory_hal=True),
    Suite("store", CORE, "atmega2560", memory_hal=True),
    Suite("board", CORE, "atmega2560", memory_hal=True),
    *(Suite(name, CORE, mcu, memory_hal=True) for name, mcu in SIGNER.items()),
    *(Suite(name, CORE, "", memory_hal=True, lms=(32, 8, 5)) for name in SIGNER),
    *(Suite("lms", ("crypto", "signer"), "", lms=(n, w, h)) for n in (24, 32) for w in (4, 8) for h in (5, 10)),
    Suite("mqtt", ("mqtt",), ""),
)
FUZZERS = (Suite("decoder", ("crypto",)), Suite("board", CORE, memory_hal=True), Suite("mqtt", ("mqtt",)))
