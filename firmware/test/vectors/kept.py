"""A vector file on disk: written, or held against what its generator makes."""

from __future__ import annotations

import json
from pathlib import Path


def keep(path: Path, document: dict[str, object], maker: str, check: bool) -> int:
    """Write it, or ``check`` that it is as it would be written; gives the exit status."""
    text = json.dumps(document, indent=1) + "\n"
    if not check:
        path.write_text(text)
        return 0
    same = path.read_text() == text
    print(f"{path.name}: {'as generated' if same else f'differs from what {maker} makes'}")
    return 0 if same else 1
