"""A disk that a test can fill."""

import contextlib
import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 2 MiB, which root may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", "size=2m,mode=1777", "tmpfs", disk], check=True)
    yield disk
    subprocess.run([*as_root, "umount", "--lazy", disk], check=True)


def fill(folder):
    """Write until the disk is full; gives the file that takes the room."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast
