"""Makes a PlatformIO core folder, from PlatformIO's registry where it answers, else from the distribution's toolchain.

    python firmware/platform/install.py --core-dir .venv/platformio [--offline]

The choice is made once and kept in the folder: delete the folder to choose again. Telemetry and update checks
are off in either case.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHOICE = "qcot-packages"
PATIENCE_S = 20
OFFLINE_TOOLS = {
    "scons": "the Python package scons (pip install scons==4.11.1)",
    "avr-gcc": "the Debian package gcc-avr",
    "avrdude": "the Debian package avrdude",
}


def environment(core_dir: Path) -> dict[str, str]:
    """What a `pio` process needs to use ``core_dir`` and to stay quiet."""
    return os.environ | {
        "PLATFORMIO_CORE_DIR": str(core_dir),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
    }


def registry_answers(core_dir: Path) -> bool:
    """Whether PlatformIO can fetch the package that every build needs, within ``PATIENCE_S``."""
    print(f"asking PlatformIO's registry (at most {PATIENCE_S} s) ...", flush=True)
    command = [sys.executable, "-m", "platformio", "pkg", "install", "--global", "--tool", "platformio/tool-scons"]
    try:
        done = subprocess.run(
            command,
            env=environment(core_dir),
            timeout=PATIENCE_S,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def quiet(core_dir: Path) -> None:
    """Turn off telemetry and update checks for whoever uses the folder."""
    state = core_dir / "appstate.json"
    known = json.loads(state.read_text()) if state.exists() else {}
    known["settings"] = known.get("settings", {}) | {
        "enable_telemetry": False,
        "check_platformio_interval": 36500,
        "check_prune_system_threshold": 0,
    }
    state.write_text(json.dumps(known))


def lay(core_dir: Path) -> None:
    """Copy the offline packages and mark them as installed ones."""
    for kind, tag in (("packages", "tool"), ("platforms", "platform")):
        for source in sorted((HERE / "core" / kind).iterdir()):
            target = core_dir / kind / source.name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            manifest = json.loads(next(target.glob("p*.json")).read_text())
            spec = {"owner": "platformio", "id": None, "name": manifest["name"], "requirements": None, "uri": None}
            meta = {"type": tag, "name": manifest["name"], "version": manifest["version"], "spec": spec}
            (target / ".piopm").write_text(json.dumps(meta))


def install(core_dir: Path, offline: bool) -> str:
    """Make ``core_dir`` usable; returns which packages it holds, ``registry`` or ``distribution``."""
    core_dir.mkdir(parents=True, exist_ok=True)
    choice = core_dir / CHOICE
    chosen = choice.read_text().strip() if choice.exists() else ""
    if not chosen:
        chosen = "distribution" if offline or not registry_answers(core_dir) else "registry"
    if chosen == "distribution":
        lay(core_dir)
    quiet(core_dir)
    choice.write_text(chosen + "\n")
    return chosen


def missing_tools() -> list[str]:
    """What the offline packages want and this machine lacks, with where it comes from."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return [f"{tool}: install {remedy}" for tool, remedy in OFFLINE_TOOLS.items() if not shutil.which(tool, path=path)]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core-dir", type=Path, required=True, help="the folder to make")
    parser.add_argument("--offline", action="store_true", help="do not ask the registry")
    options = parser.parse_args()
    chosen = install(options.core_dir.resolve(), options.offline)
    print(f"{options.core_dir}: packages from the {chosen}")
    missing = missing_tools() if chosen == "distribution" else []
    for line in missing:
        print(f"error: {line}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
