"""The vectors of vectors/*.json as a C++ header for each suite."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable

from runner.suites import BUILD, HERE, SIGNER, SUITES, Suite

VECTORS = json.loads((HERE / "vectors" / "link.json").read_text())
LMS = json.loads((HERE / "vectors" / "lms.json").read_text())
RANDOM_MESSAGES = 40
ROLLING_MESSAGES, ROLLING_EVERY = 100_000, 1000


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
            "// Made by run.py from vectors/.\n#pragma once\n\n"
            '#include "support/harness.h"\n\nnamespace vectors {\n\n'
            "enum class Verdict : uint8_t { accepted, noise, forged, replayed, malformed };\n"
            "enum class State : uint8_t { session, closed, blank, damaged };\n\n"
            f"const uint8_t empty[1] PROGMEM = {{0}};\n{''.join(arrays)}\n"
            + "\n".join(self.lines)
            + "\n\n}  // namespace vectors\n"
        )


def crypto_header(header: Header, _: Suite) -> None:
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


def link_header(header: Header, _: Suite) -> None:
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


def chain_header(header: Header, _: Suite) -> None:
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


def board_header(header: Header, _: Suite) -> None:
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


FILLED: dict[str, Callable[[Header, Suite], None]] = {
    "crypto": crypto_header,
    "link": link_header,
    "chain": chain_header,
    "board": board_header,
    "lms": signer_header,
    **dict.fromkeys(SIGNER, signer_header),
}


def write_headers() -> None:
    """A vectors.h for each suite; that of one without vectors is empty."""
    for suite in SUITES:
        header = Header()
        if suite.name in FILLED:
            FILLED[suite.name](header, suite)
        path = BUILD / suite.variant / "vectors.h"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header.render())
