"""The vectors of vectors/README.md, their bytes decoded."""

import base64
import json
from pathlib import Path

FOLDER = Path(__file__).parent / "vectors"
BYTES = {
    "aad", "base_nonce", "ciphertext", "context", "enc", "ikm", "info", "key", "message", "nonce", "okm", "plaintext",
    "public", "salt", "sealed", "secret", "seed", "shared", "signature",
}  # fmt: skip


def cases(name: str, **wanted) -> list[dict]:
    """The cases of a file in which each of ``wanted`` is as given."""
    read = [
        {k: base64.b64decode(v, validate=True) if k in BYTES and v is not None else v for k, v in case.items()}
        for case in json.loads((FOLDER / f"{name}.json").read_text())
    ]
    return [case for case in read if all(case.get(k) == v for k, v in wanted.items())]


def label(case: dict) -> str:
    """What a case is called in a report."""
    what = case.get("algorithm") or case.get("kem") or case.get("sets") or case.get("use")
    return f"{what}-{case.get('tcId', '')}".replace(" ", "-")
