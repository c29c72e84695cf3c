"""The walk hash's definition once more, in its own words and data types: what the tests hold the fast ways against."""

from __future__ import annotations

import numpy as np

HALF_COINS = (
    [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]],
    [[-1, 1, 1, 1], [1, -1, 1, 1], [1, 1, -1, 1], [1, 1, 1, -1]],
    [[1, 1, 1, -1], [1, -1, 1, 1], [1, 1, -1, 1], [1, -1, -1, -1]],
    [[1j ** (j * k % 4) for k in range(4)] for j in range(4)],
)


def text_of(message: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in message)


def coins_of(text: str) -> list[int]:
    text += "1" + f"{len(text):064b}" + "10" * 32
    return [int(pair, 2) for pair in (("0" + text)[i : i + 2] for i in range(len(text)))]


def gaussian(factor: complex, re: int, im: int) -> tuple[int, int]:
    a, b = int(factor.real), int(factor.imag)
    return a * re - b * im, a * im + b * re


def integer_walk(text: str, rounded: bool) -> tuple[list[int], int]:
    """Cell probabilities as Python integers over 2^scale; ``rounded`` as defined, else nothing is lost at all."""
    start = 59 if rounded else 0
    psi = {(0, 0, c): gaussian(f, 1 << start, 0) for c, f in enumerate((1, 1j, 1, -1))}
    coins = coins_of(text)
    for k in coins:
        after: dict[tuple[int, int, int], tuple[int, int]] = {}
        for a, b in {key[:2] for key in psi}:
            for j, row in enumerate(HALF_COINS[k]):
                terms = [gaussian(row[c], *psi.get((a, b, c), (0, 0))) for c in range(4)]
                re, im = sum(t[0] for t in terms), sum(t[1] for t in terms)
                if rounded:
                    re, im = (re + 1) >> 1, (im + 1) >> 1
                step_a, step_b = 1 - 2 * (j >> 1), 1 - 2 * (j & 1)
                after[(a + step_a) % 7, (b + step_b) % 7, j] = re, im
        psi = after
    cells = [0] * 49
    for (a, b, _), (re, im) in psi.items():
        cells[7 * a + b] += re * re + im * im
    return cells, 120 if rounded else 2 * len(coins) + 2


def digest_of(cells: list[int], scale: int) -> bytes:
    return bytes((p >> (scale - 40)) & 255 for p in cells[:32])


def float_walk(coins: list[int], side: int = 7) -> np.ndarray:
    """Cell probabilities by dense complex matrices, shape (side, side)."""
    psi = np.zeros((side, side, 4), complex)
    psi[0, 0] = np.array([1, 1j, 1, -1]) / 2
    for k in coins:
        tossed = psi @ (np.array(HALF_COINS[k]) / 2).T
        for c in range(4):
            psi[:, :, c] = np.roll(tossed[:, :, c], (1 - 2 * (c >> 1), 1 - 2 * (c & 1)), axis=(0, 1))
    return (abs(psi) ** 2).sum(axis=2)


def assert_digest_near(cells: np.ndarray, digest: bytes) -> None:
    """Every byte of the digest is floor(P 2^40) mod 256 of ``cells``, up to float rounding at a byte's edge."""
    assert abs(cells.sum() - 1) < 1e-11
    apart = (np.floor(cells.ravel()[:32] * 2.0**40).astype(np.int64) - np.frombuffer(digest, np.uint8)) % 256
    assert set(apart.tolist()) <= {0, 1, 255}
    assert (apart == 0).mean() > 0.5
