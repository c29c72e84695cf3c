"""Fails the build when a program outgrows its board: PlatformIO only warns about RAM.

Sizes come from the ELF's section headers: flash is what is loaded (.text and .data), static RAM is what is
allocated there (.data, .bss, .noinit). What RAM is left is the stack's, which wants 600 B on an Uno.
"""

from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

Import("env")  # noqa: F821

AVR_DATA = 0x800000  # where avr-ld puts the data space
AVR_EEPROM = 0x810000  # and the EEPROM, fuses and lock bits after it


@dataclass(frozen=True)
class Limit:
    """Bytes that an environment may use."""

    flash: int
    ram: int


LIMITS = {
    "uno": Limit(flash=28 * 1024, ram=1448),
    "uno_fram": Limit(flash=31 * 1024, ram=1500),
    "nano": Limit(flash=28 * 1024, ram=1448),
    "nano_old": Limit(flash=28 * 1024, ram=1448),
    "leonardo": Limit(flash=28 * 1024, ram=1760),
    "megaatmega2560": Limit(flash=30 * 1024, ram=7 * 1024),
}


def sizes(elf: Path) -> tuple[int, int]:
    """Bytes of flash and of static RAM of an AVR ELF."""
    flash = ram = 0
    with elf.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if not section["sh_flags"] & SH_FLAGS.SHF_ALLOC or section["sh_addr"] >= AVR_EEPROM:
                continue
            in_ram = section["sh_addr"] >= AVR_DATA
            ram += section["sh_size"] if in_ram else 0
            flash += section["sh_size"] if section["sh_type"] == "SHT_PROGBITS" else 0
    return flash, ram


def gate(target, source, env):
    """Print what the program takes of its limit; a non-zero result fails the build."""
    name = env["PIOENV"]
    limit = LIMITS[name]
    flash, ram = sizes(Path(str(target[0])))
    print(f"{name}: flash {flash} of {limit.flash} B, static RAM {ram} of {limit.ram} B")
    over = [
        f"{what} is {used - most} B over its limit (firmware/platform/gate.py)"
        for what, used, most in (("flash", flash, limit.flash), ("static RAM", ram, limit.ram))
        if used > most
    ]
    for line in over:
        print(f"error: {name}: {line}")
    return len(over)


if env["PIOENV"] in LIMITS:  # noqa: F821
    env.AddPostAction("$PROGPATH", env.VerboseAction(gate, "Checking limits of $TARGET"))  # noqa: F821
    # And where there was nothing to build: whoever asks for a build sees its sizes, and no ELF of old passes unseen.
    limits = env.Alias("limits", "$PROGPATH", lambda target, source, env: gate(source, source, env))  # noqa: F821
    env.AlwaysBuild(limits)  # noqa: F821
    env.Default(limits)  # noqa: F821
