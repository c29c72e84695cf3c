"""Strict CBOR read item by item, a function for each step of RFC 8949: what the faster reader must agree with."""

from cbor2 import CBORTag

SMALLEST = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}


class RefusedError(Exception):
    pass


def decode(data, *, max_depth=8, tags=()):
    value, end = item(data, 0, max_depth, tags)
    require(end == len(data))
    return value


def require(holds):
    if not holds:
        raise RefusedError


def item(data, start, depth, tags):
    require(depth >= 0)
    major, argument, at = head(data, start)
    if major in {0, 1}:
        return argument if major == 0 else -1 - argument, at
    if major in {2, 3, 4}:
        require(argument <= len(data) - at)
    if major == 2:
        return data[at : at + argument], at + argument
    if major == 3:
        return text(data[at : at + argument]), at + argument
    if major == 4:
        return array(data, at, argument, depth, tags)
    if major == 5:
        return table(data, at, argument, depth, tags)
    if data[start] == 0xF6:
        return None, at
    require(major == 6 and argument in tags)
    value, at = item(data, at, depth - 1, tags)
    return CBORTag(argument, value), at


def head(data, at):
    require(at < len(data))
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, at + 1
    require(info < 28 and major < 7)
    size = 1 << (info - 24)
    raw = data[at + 1 : at + 1 + size]
    require(len(raw) == size and int.from_bytes(raw, "big") >= SMALLEST[size])
    return major, int.from_bytes(raw, "big"), at + 1 + size


def text(raw):
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise RefusedError from error


def array(data, at, count, depth, tags):
    items = []
    for _ in range(count):
        value, at = item(data, at, depth - 1, tags)
        items.append(value)
    return items, at


def table(data, at, pairs, depth, tags):
    require(2 * pairs <= len(data) - at)
    result, previous = {}, b""
    for _ in range(pairs):
        start = at
        key, at = item(data, at, depth - 1, ())
        require(type(key) in {int, str} and data[start:at] > previous)
        previous = data[start:at]
        result[key], at = item(data, at, depth - 1, tags)
    return result, at
