#!/usr/bin/env python3
"""Build and run the firmware's tests.

    run.py native              every suite on this machine, under ASan and UBSan
    run.py avr                 the same suites on an ATmega in simavr
    run.py fuzz --runs 20000   libFuzzer over the decoder and the whole board, from the committed corpus
    run.py seeds               write that corpus anew from the vectors
    run.py lms                 cycles of a leaf and a signature of each set, as JSON
    run.py bench               cycles, stack and flash of SHA-256 on an ATmega328P, beside portable and textbook C
    run.py sha256              100,000 random messages on it, against hashlib (`avr` takes the first 5,000)

Exits with 0 only if all passed. The vectors of link.json become a C++ header first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

HERE = Path(__file__).resolve().parent
LIB = HERE.parent / "lib"
BUILD = HERE.parents[1] / "build" / "firmware-test"
VECTORS = json.loads((HERE / "vectors" / "link.json").read_text())
LMS = json.loads((HERE / "vectors" / "lms.json").read_text())
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wconversion"]
COMMON = ["-std=gnu++14", *WARNINGS, f"-I{LIB}", f"-I{HERE}"]
RANDOM_MESSAGES = 40
ROLLING_MESSAGES, ROLLING_EVERY = 100_000, 1000
AVR_SECONDS = 120


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
SUITES = (
    Suite("crypto", ("crypto",)),
    Suite("link", ("crypto", "link"), "atmega2560"),
    Suite("chain", ("crypto", "link", "chain")),
    Suite("sensors", CORE, "atmega2560", memory_hal=True),
    Suite("store", CORE, "atmega2560", memory_hal=True),
    Suite("board", CORE, "atmega2560", memory_hal=True),
    Suite("signer", CORE, "atmega2560", memory_hal=True),
    Suite("signer", CORE, "", memory_hal=True, lms=(32, 8, 5)),
    *(Suite("lms", ("crypto", "signer"), "", lms=(n, w, h)) for n in (24, 32) for w in (4, 8) for h in (5, 10)),
    Suite("mqtt", ("mqtt",), ""),
)
FUZZERS = (Suite("decoder", ("crypto",)), Suite("board", CORE, memory_hal=True), Suite("mqtt", ("mqtt",)))


# --- vectors as C++ ---------------------------------------------------------------------------------------------


class Header:
    """Builds vectors.h: byte strings and records in flash, each identical string once."""

    def __init__(self) -> None:
        self.data: dict[bytes, str] = {}
        self.lines: list[str] = []

    def bytes(self, content: bytes) -> str:
        if not content:
            return "{empty, 0}"
        name = self.data.setdefault(content, f"data_{len(self.data)}")
        return f"{{{name}, {len(content)}}}"

    def hex(self, text: str | None) -> str:
        return self.bytes(bytes.fromhex(text or ""))

    def text(self, content: str) -> str:
        name = self.data.setdefault(content.encode() + bytes(1), f"data_{len(self.data)}")
        return f"reinterpret_cast<const char*>({name})"

    def one(self, name: str, content: str) -> None:
        self.lines.append(f"const qcot_test::Bytes {name} = {self.hex(content)};")

    def table(self, name: str, fields: str, rows: Iterable[str]) -> None:
        kind = f"{name}_row"
        body = "".join(f"    {{{row}}},\n" for row in rows)
        self.lines.append(f"struct {kind} {{ {fields} }};\nconst {kind} {name}[] PROGMEM = {{\n{body}}};")

    def render(self) -> str:
        arrays = (
            f"const uint8_t {name}[] PROGMEM = {{{', '.join(f'0x{b:02x}' for b in content)}}};\n"
            for content, name in self.data.items()
        )
        return (
            "// Made by run.py from vectors/link.json.\n#pragma once\n\n"
            '#include "support/harness.h"\n\nnamespace vectors {\n\n'
            "enum class Verdict : uint8_t { accepted, noise, forged, replayed, malformed };\n"
            "enum class State : uint8_t { session, closed, blank, damaged };\n\n"
            f"const uint8_t empty[1] PROGMEM = {{0}};\n{''.join(arrays)}\n"
            + "\n".join(self.lines)
            + "\n\n}  // namespace vectors\n"
        )


def crypto_header(header: Header) -> None:
    rng = random.Random(20)
    own = [rng.randbytes(rng.randrange(256)) for _ in range(RANDOM_MESSAGES)]
    rows = [(v["data"], v["sha256"]) for v in VECTORS["sha256"]] + [
        (m.hex(), hashlib.sha256(m).hexdigest()) for m in own
    ]
    header.table(
        "sha256", "qcot_test::Bytes data, sha256;", (f"{header.hex(d)}, {header.hex(digest)}" for d, digest in rows)
    )
    header.table(
        "hmac",
        "qcot_test::Bytes key, data, mac;",
        (", ".join(header.hex(v[k]) for k in ("key", "data", "mac")) for v in VECTORS["hmac"]),
    )
    header.one("million", hashlib.sha256(b"a" * 1_000_000).hexdigest())
    header.lines.append(f"constexpr uint16_t kRollingEvery = {ROLLING_EVERY};")
    header.table("rolling", "qcot_test::Bytes sha256;", (header.bytes(digest) for digest in rolling_digests()))


def rolling_digests() -> Iterable[bytes]:
    """What the random messages of test_crypto come to, every so many of them."""
    data, digest = bytearray(range(256)), bytes(32)
    for i in range(ROLLING_MESSAGES):
        digest = hashlib.sha256(data[: i if i < 256 else digest[0] % 56 if i % 16 else digest[0]]).digest()
        for at in (0, 32 * (1 + i % 7)):
            both = int.from_bytes(data[at : at + 32], "big") ^ int.from_bytes(digest, "big")
            data[at : at + 32] = both.to_bytes(32, "big")
        if (i + 1) % ROLLING_EVERY == 0:
            yield hashlib.sha256(data).digest()


def keys_header(header: Header) -> None:
    for name, value in VECTORS["keys"].items():
        if isinstance(value, int):
            header.lines.append(f"constexpr uint32_t {name} = {value};")
        else:
            header.one(name, value)


def link_header(header: Header) -> None:
    keys_header(header)
    header.table(
        "cobs",
        "qcot_test::Bytes raw, encoded;",
        (f"{header.hex(v['raw'])}, {header.hex(v['encoded'])}" for v in VECTORS["cobs"]),
    )
    header.table(
        "crc", "qcot_test::Bytes data; uint16_t crc;", (f"{header.hex(v['data'])}, {v['crc']}" for v in VECTORS["crc"])
    )
    fields = "const char* name; uint8_t type; uint32_t counter; qcot_test::Bytes key, body, raw, wire;"
    for name, wanted in (("board_frames", 0), ("host_frames", 0x40)):
        header.table(
            name,
            fields,
            (
                ", ".join([
                    header.text(v["name"]), str(v["type"]), f"{v['counter']}u",
                    *(header.hex(v[k]) for k in ("key", "body", "raw", "wire")),
                ])
                for v in VECTORS["frames"]
                if v["type"] & 0x40 == wanted
            ),
        )  # fmt: skip

    def stream(v: dict[str, object]) -> str:
        frames = b"".join(bytes([len(f) // 2]) + bytes.fromhex(f) for f in v["frames"])  # type: ignore[attr-defined]
        return f"{header.text(str(v['name']))}, {header.hex(str(v['bytes']))}, {header.bytes(frames)}, {v['noise']}"

    header.table(
        "streams",
        "const char* name; qcot_test::Bytes bytes, frames; uint16_t noise;",
        (stream(v) for v in VECTORS["streams"]),
    )


def chain_header(header: Header) -> None:
    for i, chain in enumerate(VECTORS["chain"]):
        header.lines.append(
            (
                "struct Reading { uint32_t time; uint8_t channel; int32_t value; qcot_test::Bytes link; };\n"
                if i == 0
                else ""
            )
            + f"const Reading readings_{i}[] PROGMEM = {{\n"
            + "".join(
                f"    {{{r['time']}u, {r['channel']}, {r['value']}, {header.hex(r['link'])}}},\n"
                for r in chain["readings"]
            )
            + "};"
        )
    header.table(
        "chain",
        "qcot_test::Bytes device, start; uint32_t epoch; const Reading* readings; uint8_t count;",
        (
            f"{header.hex(c['device'])}, {header.hex(c['start'])}, {c['epoch']}, readings_{i}, {len(c['readings'])}"
            for i, c in enumerate(VECTORS["chain"])
        ),
    )


def board_header(header: Header) -> None:
    keys_header(header)
    header.table(
        "board_verdicts",
        "const char* name; qcot_test::Bytes wire; uint32_t last; State state; Verdict verdict; int8_t code; "
        "bool answers;",
        (
            f"{header.text(v['name'])}, {header.hex(v['wire'])}, {v['last']}u, State::{v['state']}, "
            f"Verdict::{v['verdict']}, "
            f"{-1 if v['code'] is None else v['code']}, {str(v['code'] is not None).lower()}"
            for v in VECTORS["verdicts"]
            if v["receiver"] == "board"
        ),
    )


def signer_header(header: Header, suite: Suite) -> None:
    keys_header(header)
    of_set = [[v for v in rows if (v["n"], v["w"], v["h"]) == suite.lms] for rows in (LMS["keys"], LMS["boards"])]
    fields = ("seed", "identifier", "root", "node", "message", "randomizer", "values_sha256")
    header.table(
        "lms_keys",
        f"const char* name; uint16_t leaf; qcot_test::Bytes {', '.join(fields)};",
        (
            f"{header.text(v['name'])}, {v['leaf']}, {', '.join(header.hex(v[field]) for field in fields)}"
            for v in of_set[0]
        ),
    )
    for v in of_set[1]:
        name = f"board_{v['generation']}"
        for field in ("seed", "identifier", "root", "leaves"):
            header.one(f"{name}_{field}", v[field])
        header.table(
            f"{name}_signatures",
            "uint16_t leaf; qcot_test::Bytes randomizer, values_sha256;",
            (f"{x['leaf']}, {header.hex(x['randomizer'])}, {header.hex(x['values_sha256'])}" for x in v["signatures"]),
        )


HEADERS = {
    "crypto": crypto_header,
    "link": link_header,
    "chain": chain_header,
    "sensors": None,
    "store": None,
    "board": board_header,
}


def write_headers() -> None:
    for suite in SUITES:
        header = Header()
        fill = HEADERS.get(suite.name)
        if suite.name in ("signer", "lms"):
            signer_header(header, suite)
        elif fill is not None:
            fill(header)
        path = BUILD / suite.variant / "vectors.h"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header.render())


# --- building and running ---------------------------------------------------------------------------------------


def sources(suite: Suite, program: Path) -> list[str]:
    files = [program]
    files += [f for lib in suite.libs for kind in ("*.cpp", "*.S") for f in sorted((LIB / lib).glob(kind))]
    if suite.memory_hal:
        files.append(HERE / "support" / "memory_hal.cpp")
    return [str(f) for f in files]


def test_sources(suite: Suite) -> list[str]:
    return sources(suite, HERE / f"test_{suite.name}" / "test.cpp")


def sh(command: list[str], timeout: float = 600) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def build(command: list[str], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    done = sh([*command, "-o", str(out)])
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}")


_made: dict[tuple[str, ...], Future[str]] = {}
_made_lock = Lock()


def compiled(command: tuple[str, ...], source: str) -> str:
    """The object of a file that several suites want alike: it is compiled for the first of them."""
    key = (*command, source)
    with _made_lock:
        first = key not in _made
        made = _made.setdefault(key, Future())
    if first:
        out = BUILD / "objects" / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.o"
        try:
            build([*command, "-c", source], out)
            made.set_result(str(out))
        except BaseException as error:
            made.set_exception(error)
            raise
    return made.result()


def link(suite: Suite, compiler: str, flags: list[str], linking: list[str], out: Path) -> None:
    """Build a suite: its own file with its own vectors, the rest from what is compiled already."""
    command = (compiler, *COMMON, *flags, *suite.flags)
    test, *rest = test_sources(suite)
    out.parent.mkdir(parents=True, exist_ok=True)
    build([*command, *linking, f"-I{out.parent}", test, *(compiled(command, source) for source in rest)], out)


def run_native(suite: Suite) -> str:
    out = BUILD / suite.variant / "native"
    sanitize = ["-g", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    if suite.lms != Suite.lms:  # the same code with other numbers: quicker
        sanitize = ["-O1"]
    limits = ["-DQCOT_RING_BYTES=0x8000", "-DQCOT_EPOCH_READINGS=9000"]  # more than the ring holds
    link(suite, "g++", [*sanitize, *limits], [], out)
    return sh([str(out)]).stdout


def run_avr(suite: Suite, *more: str, seconds: float = AVR_SECONDS) -> str:
    out = BUILD / suite.variant / f"{suite.mcu}.elf"
    flags = ["-Os", "-DF_CPU=16000000UL", "-ffunction-sections", "-fno-exceptions", "-fno-threadsafe-statics"]
    flags += ["-DQCOT_RING_BYTES=1024", "-DQCOT_EPOCH_READINGS=1500", *more]
    link(suite, "avr-g++", [f"-mmcu={suite.mcu}", *flags], ["-Wl,--gc-sections"], out)
    return simulate(suite.mcu, out, seconds)


def simulate(mcu: str, elf: Path, seconds: float = AVR_SECONDS) -> str:
    """What the program prints on its UART; simavr gives each line in colours, with a dot for its line feed."""
    printed = sh(["simavr", "-m", mcu, "-f", "16000000", str(elf)], seconds).stdout
    return re.sub(r"\x1b\[\d*m", "", printed).replace(".\n", "\n")


WIFI_BOARDS = ("ARDUINO_ARCH_ESP32", "ARDUINO_ARCH_RP2040", "ARDUINO_UNOR4_WIFI")
WIFI_NAMES = ("SITE", "BRIDGE", "WIFI_SSID", "WIFI_PASSWORD", "BROKER", "NAME", "BROKER_PASSWORD")


def check_wifi() -> int:
    """Compile, and no more, what only boards with Wi-Fi have, against declarations of our own (support/arduino_api).

    It finds wrong names and types. Their toolchains are not here, so nothing is built or run.
    """
    files = [str(f) for f in (*sorted((LIB / "hal" / "wifi").glob("*.cpp")), HERE.parent / "src" / "main.cpp")]
    names = [f'-DQCOT_{name}="x"' for name in WIFI_NAMES]
    flags = ["-std=gnu++17", *WARNINGS, "-fsyntax-only", "-U__unix__", "-DARDUINO", *names]
    failed = 0
    for board in WIFI_BOARDS:
        include = [f"-I{LIB}", f"-I{HERE / 'support' / 'arduino_api'}"]
        done = sh(["g++", *flags, f"-D{board}", *include, *files])
        failed += done.returncode != 0
        print(f"wifi     {board:18} " + (f"failed:\n{done.stdout}" if done.returncode else "declarations fit"))
    return failed


LAST_LINE = re.compile(r"^(\w+) cases (\d+) checks (\d+) failed (\d+)$", re.MULTILINE)


def run_suites(target: str, only: list[str]) -> int:
    write_headers()
    chosen = [s for s in SUITES if (not only or s.name in only) and (s.mcu or target == "native")]
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for suite, printed in zip(chosen, pool.map(run_native if target == "native" else run_avr, chosen), strict=True):
            last = LAST_LINE.search(printed)
            good = last is not None and last[1] == suite.name and int(last[4]) == 0 and int(last[2]) > 0
            where = suite.mcu if target == "avr" else "native"
            if last:
                print(f"{suite.variant:15} {where:10} {last[2]:>3} cases {last[3]:>6} checks {last[4]:>3} failed")
            if not good:
                failed += 1
                print(f"{suite.name} on {where} failed:\n{printed}")
    if target == "native" and not only:
        failed += check_wifi()
    return 1 if failed else 0


# --- fuzzing ----------------------------------------------------------------------------------------------------


def fuzz(suite: Suite, runs: int) -> tuple[str, bool]:
    """Summary, and whether nothing was found."""
    name = suite.name
    out = BUILD / "fuzz" / name
    sanitize = ["-g", "-O2", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    build(["clang++", *COMMON, *sanitize, *sources(suite, HERE / "fuzz" / f"{name}.cpp")], out)
    found = BUILD / "fuzz" / f"{name}-corpus"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    options = [f"-runs={runs}", "-seed=1", "-max_len=512", "-print_final_stats=1", f"-artifact_prefix={out}-"]
    done = sh([str(out), *options, str(found), str(HERE / "fuzz" / "corpus" / name)])
    inputs = re.findall(r"stat::number_of_executed_units:\s+(\d+)", done.stdout)
    edges = re.findall(r"cov: (\d+)", done.stdout)
    good = done.returncode == 0 and bool(inputs) and bool(edges)
    summary = (
        f"{name:8} fuzz {inputs[-1]:>8} inputs, {edges[-1]} edges" if good else f"{name} failed:\n{done.stdout[-6000:]}"
    )
    return summary, good


def run_fuzz(runs: int) -> int:
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for summary, good in pool.map(lambda suite: fuzz(suite, runs), FUZZERS):
            print(summary)
            failed += not good
    return 1 if failed else 0


def mqtt_seeds() -> dict[str, bytes]:
    """Scripts for fuzz/mqtt.cpp: a count and so many bytes; 0x80 and up: time passes, room shrinks, a frame goes."""

    def hears(*packets: str) -> bytes:
        return b"".join(bytes([len(packet) // 2]) + bytes.fromhex(packet) for packet in packets)

    up = b"\x80\x80" + hears("20020000", "9003000100")
    topic = b"q/d".hex()
    return {
        "up-heard-and-said": up + hears(f"30070003{topic}0078") + bytes([0xE3, 0x88, 0x05]),
        "qos-1-and-a-full-socket": up + bytes([0xC0]) + hears(f"32090003{topic}0007797a") + bytes([0xFF, 0xFF, 0xC9]),
        "too-long": up + hears(f"30c4130003{topic}" + "79" * 100),
        "refused": b"\x80\x80" + hears("20020005") + b"\x9f\x80" + hears("20020000"),
        "length-broken": up + hears("30ffffffff01") + b"\x90\x80\x80",
    }


def signer_seeds() -> dict[str, bytes]:
    """Scripts of a key that begins to grow: readings, a reset, a cut and commands out of order on the way."""

    def says(kind: int, body: bytes = b"") -> bytes:
        return bytes([2, kind, len(body)]) + body

    leaf = [says(0x49, bytes([index, 0, 0, 0])) for index in range(3)]
    begun, cut, reset = says(0x48), bytes([7, 30]), bytes([6, 1])
    early = says(0x4A, bytes(5 + 24)) + says(0x4B, bytes(4))
    return {
        "signer-leaves": begun + leaf[0] + bytes([4, 20]) + leaf[1] + says(0x47) + leaf[1] + leaf[2],
        "signer-cut-in-a-leaf": begun + leaf[0] + cut + leaf[1] + reset + says(0x47) + leaf[1],
        "signer-cut-in-a-key": cut + begun + reset + begun + leaf[0] + begun,
        "signer-signs": b"\x08\x01\x09\x04\x1e\x09\x01\x09" + says(0x47) + reset + b"\x01\x09",
        "signer-cut-in-a-reservation": b"\x08\x01\x07\x02\x09\x01\x09\x07\x04\x09\x01\x09",
        "signer-out-of-order": early + leaf[0] + begun + early + says(0x49, b"\xff" * 4),
    }


def write_seeds() -> int:
    """The decoder's seeds are streams; the board's are scripts (fuzz/board.cpp says how they read)."""
    for suite in FUZZERS:
        folder = HERE / "fuzz" / "corpus" / suite.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for name, script in mqtt_seeds().items():
        (HERE / "fuzz" / "corpus" / "mqtt" / name).write_bytes(script)
    for v in VECTORS["streams"]:
        (HERE / "fuzz" / "corpus" / "decoder" / v["name"]).write_bytes(bytes.fromhex(v["bytes"])[:256])

    def line(data: bytes) -> bytes:
        return b"".join(bytes([0, len(part)]) + part for part in (data[i : i + 255] for i in range(0, len(data), 255)))

    start = line(b"\0") + bytes([1])
    for v in VECTORS["frames"]:
        if v["type"] & 0x40 == 0:
            continue
        body = bytes.fromhex(v["body"])
        script = (
            start
            + bytes([2, v["type"], len(body)])
            + body
            + line(bytes.fromhex(v["wire"]))
            + bytes([3, 40, 4, 14, 5, 2])
        )
        (HERE / "fuzz" / "corpus" / "board" / v["name"]).write_bytes(script)
    for name, script in signer_seeds().items():
        (HERE / "fuzz" / "corpus" / "board" / name).write_bytes(start + script)
    for v in VECTORS["verdicts"]:
        if v["receiver"] == "board" and v["verdict"] in ("noise", "forged") and len(v["wire"]) < 400:
            (HERE / "fuzz" / "corpus" / "board" / v["name"]).write_bytes(start + line(bytes.fromhex(v["wire"])))
    return 0


def crypto_variants() -> dict[str, list[str]]:
    """What builds each SHA-256 that is compared, by the name of its figures."""
    library = sources(Suite("bench", ("crypto", "chain")), HERE / "bench" / "flash.cpp")[1:]
    own = ("sha256_portable.cpp", "sha256_avr.S")
    textbook = [str(HERE / "bench" / "textbook.cpp"), *(f for f in library if not f.endswith(own))]
    return {
        "sha256": ["-Os", *library],
        "portable": ["-Os", "-DQCOT_PORTABLE_SHA256", *library],
        "textbook": ["-O2", *textbook],
    }


def run_bench() -> int:
    """NAME_block in cycles, NAME_stack in bytes below the caller's, NAME_flash of hashing in all; and ours, in cycles,
    _one block from the initial state, _link of the chain, _hmac of 29 bytes.
    """
    flags = ["-DF_CPU=16000000UL", "-mmcu=atmega328p", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
    figures: dict[str, int] = {}
    for name, variant in crypto_variants().items():
        out = BUILD / "bench" / name
        build(["avr-g++", *COMMON, *flags, *variant, str(HERE / "bench" / "sha256.cpp")], out)
        told = re.findall(r"^(\w+) (\d+)$", simulate("atmega328p", out), re.MULTILINE)
        # Two blocks of the slow ones are more than the timers there count.
        figures |= {f"{name}_{what}": int(n) for what, n in told if name == "sha256" or what in ("block", "stack")}
        taken = []
        for define in ("-DQCOT_HASH", "-DQCOT_NO_HASH"):
            build(["avr-g++", *COMMON, *flags, define, *variant, str(HERE / "bench" / "flash.cpp")], out)
            text, data = sh(["avr-size", str(out)]).stdout.splitlines()[1].split()[:2]
            taken.append(int(text) + int(data))
        figures[f"{name}_flash"] = taken[0] - taken[1]
    print(json.dumps(figures))
    return 0 if figures else 1


def run_sha256() -> int:
    write_headers()
    printed = run_avr(SUITES[0], f"-DQCOT_MESSAGES={ROLLING_MESSAGES}", seconds=1800)
    last = LAST_LINE.search(printed)
    good = last is not None and int(last[4]) == 0 and int(last[3]) > ROLLING_MESSAGES // ROLLING_EVERY
    print(f"{ROLLING_MESSAGES} messages agree with hashlib" if good else printed)
    return 0 if good else 1


def run_lms() -> int:
    """Cycles of a leaf, of a signature (mean of a few) and of the longest step, and bytes of RAM, for each N and W."""
    figures: dict[str, dict[str, int]] = {}
    flags = ["-Os", "-DF_CPU=16000000UL", "-mmcu=atmega328p", "-ffunction-sections", "-Wl,--gc-sections"]
    for n, w in ((24, 4), (24, 8), (32, 4), (32, 8)):
        suite = Suite("bench", ("crypto", "signer"), lms=(n, w, 10))
        out = BUILD / "bench" / f"lms-{n}-{w}.elf"
        build(["avr-g++", *COMMON, *flags, *suite.flags, *sources(suite, HERE / "bench" / "signer.cpp")], out)
        printed = simulate("atmega328p", out)
        figures[f"{n} {w}"] = {name: int(x) for name, x in re.findall(r"^(\w+) (\d+)$", printed, re.MULTILINE)}
    print(json.dumps(figures))
    return 0 if all(len(found) == 4 for found in figures.values()) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("native", "avr", "fuzz", "seeds", "bench", "lms", "sha256"))
    parser.add_argument("suites", nargs="*", help="only these suites")
    parser.add_argument("--runs", type=int, default=20000, help="inputs for each fuzzer")
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - {s.name for s in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    if arguments.what == "fuzz":
        return run_fuzz(arguments.runs)
    if arguments.what == "seeds":
        return write_seeds()
    if arguments.what == "bench":
        return run_bench()
    if arguments.what == "lms":
        return run_lms()
    if arguments.what == "sha256":
        return run_sha256()
    return run_suites(arguments.what, arguments.suites)


if __name__ == "__main__":
    sys.exit(main())
