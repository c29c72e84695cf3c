"""Imports point one way: each package stands only on those before it, and on no more of them than it needs."""

import ast
from functools import cache
from pathlib import Path

import pytest
import qcot

ROOT = Path(qcot.__file__).parent
LAYERS = [
    "errors", "database", "rates", "mqtt", "settings", "link", "crypto", "quantum", "kme", "certificates", "records",
    "ledger", "channel",
    "boards", "broker", "bridge", "gateway", "reproduce", "home", "authority", "custody", "services", "demo", "cli",
]  # fmt: skip
ONLY = {
    "link": ("errors",),
    "crypto": ("errors",),
    "quantum": ("errors", "database", "crypto.keyfile"),
    "certificates": ("errors", "crypto"),
    "records": ("errors", "crypto"),
    "kme": ("errors", "database", "rates", "crypto.keyfile", "quantum.qkd"),
    "channel": ("errors", "rates", "mqtt", "crypto", "kme", "ledger.receipts"),
}
"""Those that must stay small: what they may import, from anywhere else."""


@cache
def imports(package: str) -> frozenset[str]:
    """What the modules of ``package`` import of other packages, also inside functions and for types alone."""
    place, names = ROOT / package, []
    for path in place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names += [f"{node.module}.{each.name}" for each in node.names]
            elif isinstance(node, ast.Import):
                names += [each.name for each in node.names]
    ours = (name.removeprefix("qcot.") for name in names if name.startswith("qcot."))
    return frozenset(name for name in ours if name.split(".")[0] != package)


def test_every_package_has_its_layer():
    found = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert found - {"__init__", "__pycache__"} == set(LAYERS)


@pytest.mark.parametrize("package", LAYERS)
def test_no_import_points_back_up(package):
    below = {*LAYERS[: LAYERS.index(package)], "__version__"}
    assert {each for each in imports(package) if each.split(".")[0] not in below} == set()


@pytest.mark.parametrize("package", ONLY)
def test_what_must_stay_small_stands_on_what_it_names(package):
    allowed = tuple(f"{each}." for each in ONLY[package])
    assert {each for each in imports(package) if not f"{each}.".startswith(allowed)} == set()
