"""Whole homes for tests: founded once in a process, since the root signs slowly, and copied from then on."""

import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

from qcot.authority.registration import found
from qcot.home import Home
from qcot.settings import Settings, as_toml


@cache
def _pattern() -> tuple[tempfile.TemporaryDirectory, Home]:
    folder = tempfile.TemporaryDirectory(prefix="qcot-home-")
    return folder, found(Path(folder.name) / "home", Settings(), int(time.time()))


def founded(path: Path, settings: Settings | None = None) -> Home:
    """A home as `qcot init` makes it, with ``settings`` of the site "home" and the default names."""
    _, pattern = _pattern()
    shutil.copytree(pattern.path, path)
    home = Home(path)
    home.settings_file.write_text(as_toml(settings or Settings()))
    return home
