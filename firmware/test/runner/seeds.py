"""The fuzzers' corpus, from the vectors and from scripts."""

from __future__ import annotations

import shutil

from runner.suites import HERE
from runner.vectors_header import VECTORS


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


def decoder_seeds() -> dict[str, bytes]:
    """Streams, as they come."""
    return {v["name"]: bytes.fromhex(v["bytes"])[:256] for v in VECTORS["streams"]}


def board_seeds() -> dict[str, bytes]:
    """Scripts (fuzz/board.cpp says how they read) of every command, and of frames that are none."""

    def line(data: bytes) -> bytes:
        return b"".join(bytes([0, len(part)]) + part for part in (data[i : i + 255] for i in range(0, len(data), 255)))

    def command(v: dict[str, str], kind: int) -> bytes:
        body = bytes.fromhex(v["body"])
        return bytes([2, kind, len(body)]) + body + line(bytes.fromhex(v["wire"])) + bytes([3, 40, 4, 14, 5, 2])

    scripts = {v["name"]: command(v, v["type"]) for v in VECTORS["frames"] if v["type"] & 0x40} | signer_seeds()
    for v in VECTORS["verdicts"]:
        if v["receiver"] == "board" and v["verdict"] in ("noise", "forged") and len(v["wire"]) < 400:
            scripts[v["name"]] = line(bytes.fromhex(v["wire"]))
    return {name: line(b"\0") + bytes([1]) + script for name, script in scripts.items()}


CORPORA = {"decoder": decoder_seeds, "board": board_seeds, "mqtt": mqtt_seeds}


def write() -> int:
    """Every fuzzer's corpus anew."""
    for fuzzer, seeds in CORPORA.items():
        folder = HERE / "fuzz" / "corpus" / fuzzer
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, seed in seeds().items():
            (folder / name).write_bytes(seed)
    return 0
