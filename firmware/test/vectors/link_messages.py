"""Each message of the link once or more: its fields, and its bytes."""

from __future__ import annotations

import struct

from link_oracle import (
    AUTH,
    CHALLENGE,
    DEVICE,
    EPOCH,
    HOST_NONCE,
    IMAGE,
    K_DEVICE,
    K_ENROL,
    K_SESSION,
    LINKS,
    NONCE,
    READINGS,
    TYPES,
    Vector,
    pattern,
    seal,
    wire,
)


def message(name: str, type_: str, body: bytes, fields: Vector, key: bytes | None = None, counter: int = 0) -> Vector:
    raw = seal(TYPES[type_], body, key, counter)
    return {
        "name": name,
        "message": type_,
        "type": TYPES[type_],
        "flags": AUTH if key else 0,
        "counter": counter,
        "key": key.hex() if key else None,
        "fields": fields,
        "body": body.hex(),
        "raw": raw.hex(),
        "wire": wire(raw).hex(),
    }


def hello(name: str, state: int, device: bytes, epoch: int, nonce: bytes, channels: int, model: str) -> Vector:
    head = struct.pack("<BB8sI16s3s32sB", 1, state, device, epoch, nonce, bytes([1, 0, 0]), IMAGE, channels)
    fields: Vector = {
        "protocol": 1,
        "state": state,
        "device": device.hex(),
        "epoch": epoch,
        "nonce": nonce.hex(),
        "firmware": [1, 0, 0],
        "image": IMAGE.hex(),
        "channels": channels,
        "model": model,
    }
    return message(name, "HELLO", head + model.encode(), fields)


def readings(name: str, first: int, count: int, counter: int) -> Vector:
    rows = READINGS[first : first + count]
    packed = b"".join(struct.pack("<IBi", *row) for row in rows)
    link = LINKS[first + count]
    fields: Vector = {
        "first": first,
        "readings": [{"time": t, "channel": c, "value": v} for t, c, v in rows],
        "link": link.hex(),
    }
    return message(name, "READINGS", struct.pack("<IB", first, count) + packed + link, fields, K_SESSION, counter)


def opened() -> Vector:
    body = struct.pack("<8sI32s3sII32sI", DEVICE, EPOCH, IMAGE, bytes([1, 0, 0]), 14, 18, LINKS[14], 70000)
    fields: Vector = {
        "device": DEVICE.hex(),
        "epoch": EPOCH,
        "image": IMAGE.hex(),
        "firmware": [1, 0, 0],
        "base": 14,
        "head": 18,
        "base_link": LINKS[14].hex(),
        "time": 70000,
    }
    return message("opened", "OPENED", body, fields, K_SESSION, 1)


def enrolled() -> Vector:
    fields: Vector = {"device": DEVICE.hex(), "challenge": CHALLENGE.hex(), "image": IMAGE.hex()}
    return message("enrolled", "ENROLLED", DEVICE + CHALLENGE + IMAGE, fields, K_ENROL, 1)


def result(name: str, command: int, code: int, detail: int, key: bytes | None = K_SESSION) -> Vector:
    fields: Vector = {"command": command, "code": code, "detail": detail}
    return message(name, "RESULT", struct.pack("<IBB", command, code, detail), fields, key, command)


def status(counter: int, **fields: int) -> Vector:
    return message("status", "STATUS", struct.pack("<IIIIHHHH", *fields.values()), dict(fields), K_SESSION, counter)


def channel(
    name: str, index: int, rate: int, num: int, den: int, offset: int, label: str, unit: str, counter: int
) -> Vector:
    body = struct.pack("<BIiiiB", index, rate, num, den, offset, len(label)) + label.encode() + unit.encode()
    fields: Vector = {
        "index": index,
        "rate": rate,
        "num": num,
        "den": den,
        "offset": offset,
        "name": label,
        "unit": unit,
    }
    return message(name, "CHANNEL", body, fields, K_SESSION, counter)


def open_(name: str, epoch: int, seq: int) -> Vector:
    fields: Vector = {"host_nonce": HOST_NONCE.hex(), "resume_epoch": epoch, "resume_seq": seq}
    return message(name, "OPEN", HOST_NONCE + struct.pack("<II", epoch, seq), fields, K_SESSION, 1)


def enrol() -> Vector:
    fields: Vector = {"device": DEVICE.hex(), "device_key": K_DEVICE.hex(), "challenge": CHALLENGE.hex()}
    return message("enrol", "ENROL", DEVICE + K_DEVICE + CHALLENGE, fields)


def command(name: str, type_: str, layout: str, counter: int, **fields: int) -> Vector:
    return message(name, type_, struct.pack(layout, *fields.values()), dict(fields), K_SESSION, counter)


def signer(
    name: str, types: tuple[int, int], phase: int, generation: int, next_: int, identifier: bytes, root: bytes
) -> Vector:
    fields: Vector = {
        "lms": types[0],
        "ots": types[1],
        "phase": phase,
        "generation": generation,
        "next": next_,
        "identifier": identifier.hex(),
        "root": root.hex(),
    }
    body = struct.pack("<BBBHI16s", *types, phase, generation, next_, identifier) + root
    return message(name, "SIGNER", body, fields, K_SESSION, 11)


def of_tree(n: int) -> list[Vector]:
    """What a board with hashes of ``n`` bytes says of a leaf, of a checkpoint and its signature; and a path's step."""
    node, randomizer = pattern(f"node {n}", n), pattern(f"C {n}", n)
    leaf: Vector = {"index": 1000 + n, "node": node.hex()}
    out = [message(f"leaf-{n}", "LEAF", struct.pack("<I", 1000 + n) + node, leaf, K_SESSION, 12)]
    said: Vector = {"leaf": n, "epoch": EPOCH, "seq": 14, "link": LINKS[14].hex(), "randomizer": randomizer.hex()}
    body = struct.pack("<III32s", n, EPOCH, 14, LINKS[14]) + randomizer
    out.append(message(f"checkpoint-{n}", "CHECKPOINT", body, said, K_SESSION, 13))
    for count in (1, {24: 6, 32: 4}[n]):
        values = pattern(f"y {n}", n * count)
        part: Vector = {"leaf": n, "first": 51 - count, "values": values.hex()}
        body = struct.pack("<IB", n, 51 - count) + values
        out.append(message(f"signature-{n}-of-{count}", "SIGNATURE", body, part, K_SESSION, 14 + count))
    step: Vector = {"leaf": n, "level": 9, "node": node.hex()}
    out.append(message(f"path-{n}", "PATH", struct.pack("<IB", n, 9) + node, step, K_SESSION, 9))
    return out


def frames() -> list[Vector]:
    """All of them; a board's own signing key with trees of 24-byte and of 32-byte hashes."""
    identifier = pattern("identifier", 16)
    return [
        hello("hello-blank", 0, bytes(8), 1, bytes(16), 8, "uno"),
        hello("hello-enrolled", 3, DEVICE, EPOCH, NONCE, 17, "megaatmega2560"),
        readings("readings-fourteen", 0, 14, 2),
        readings("readings-one", 14, 1, 3),
        readings("readings-with-lost", 15, 3, 4),
        opened(),
        enrolled(),
        result("result-ok", 5, 0, 0),
        result("result-bad-rate", 6, 4, 2),
        result("result-already-enrolled", 0, 5, 0, key=None),
        status(7, time=123456, head=18, base=14, lost=321, noise=1, forged=2, replayed=3, free_ram=700),
        channel("channel-analog", 0, 10000, 5, 1024, 0, "A0", "V", 8),
        channel("channel-chip", 7, 100, 1, 100, 0, "chip", "Cel", 9),
        channel("channel-offset", 16, 200000, -3, 7, -2147483648, "a-1_b.c:d/e2", "m/s2", 10),
        message("identify", "IDENTIFY", b"", {}),
        open_("open-new", 0, 0),
        open_("open-resume", EPOCH, 14),
        enrol(),
        command("configure", "CONFIGURE", "<BI", 2, channel=0, rate=100000),
        command("configure-off", "CONFIGURE", "<BI", 3, channel=6, rate=0),
        command("describe", "DESCRIBE", "<B", 4, channel=7),
        command("ack", "ACK", "<I", 5, seq=14),
        signer("signer-none", (0x0A, 0x07), 0, 0, 0, bytes(16), bytes(24)),
        signer("signer-generating", (0x0B, 0x07), 1, 1, 517, identifier, bytes(24)),
        signer("signer-ready", (0x0B, 0x07), 2, 1, 1023, identifier, pattern("root", 24)),
        signer("signer-exhausted", (0x06, 0x04), 3, 0xFFFF, 1024, identifier, pattern("root", 32)),
        signer("signer-damaged", (0x05, 0x03), 4, 2, 0, bytes(16), bytes(32)),
        *of_tree(24),
        *of_tree(32),
        command("ask-signer", "ASK_SIGNER", "<", 6),
        command("generate", "GENERATE", "<", 7),
        command("want-leaf", "WANT_LEAF", "<I", 8, index=1023),
        command("sign", "SIGN", "<I", 10, leaf=1023),
        command("calibrate", "CALIBRATE", "<Biii", 11, channel=7, num=-5, den=1024, offset=-2147483648),
    ]
