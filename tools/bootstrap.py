"""Makes a fresh checkout runnable: distribution packages, .venv from the lock file, PlatformIO's core folder.

Standard library only, since it runs before anything is installed. Each step leaves a stamp that holds a hash of
what it was made from, so a second run does nothing but compare.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PACKAGES = ROOT / "tools" / "packages.txt"
LOCK = ROOT / "requirements.lock"
UV_LOCK = ROOT / "tools" / "uv.lock"
OLDEST_PYTHON = (3, 11)
SELDOM = "/(tests|pip|setuptools|mypyc?|ibm_platform_services|pygments/lexers)/"
"""A third of all that is installed, by its time to compile, and hardly ever imported."""


def fail(message: str) -> None:
    """Stop with one message; nothing after it would work."""
    sys.exit(f"set-up: {message}")


def run(*command: str | Path, quiet: bool = False) -> str:
    """Run a step that must succeed; its output is shown only when it does not."""
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False)
    if done.returncode and not quiet:
        sys.stderr.write(done.stdout + done.stderr)
        fail(f"`{' '.join(map(str, command))}` failed with status {done.returncode}; its output is above")
    return done.stdout


def stamped(name: str, *sources: str | bytes) -> tuple[Path, str, bool]:
    """Return the stamp's path, its wanted content, and whether it holds that already."""
    wanted = hashlib.sha256(b"\0".join(s.encode() if isinstance(s, str) else s for s in sources)).hexdigest()
    path = VENV / f".stamp-{name}"
    return path, wanted, path.exists() and path.read_text() == wanted


def distribution_packages() -> None:
    """Install what is missing by apt, or name it in one message."""
    lines = PACKAGES.read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not shutil.which("dpkg-query"):
        fail(
            "this is not Debian or Ubuntu; install the equivalents of these by hand, then make "
            f"dpkg-query's absence good with SKIP_PACKAGES=1: {' '.join(wanted)}"
        )
    missing = [name for name in wanted if not installed(name)]
    if not missing and (runtime := sanitizer_runtime()) and not installed(runtime):
        missing = [runtime]
    if not missing:
        return
    if os.geteuid() == 0:
        apt = ["apt-get"]
    elif shutil.which("sudo"):
        apt = ["sudo", "apt-get"]
    else:
        fail(
            f"these packages are missing and neither root nor sudo is at hand. "
            f"Ask an administrator to run: apt-get install {' '.join(missing)}"
        )
    print(f"set-up: installing {' '.join(missing)}", flush=True)
    run(*apt, "update", quiet=True)  # an old package list often still serves
    if runtime := sanitizer_runtime():
        missing = sorted({*missing, runtime})
    run(
        *(["env"] if apt == ["apt-get"] else ["sudo", "env"]),
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "--no-install-recommends",
        *missing,
    )


def installed(package: str) -> bool:
    """Whether dpkg has the package configured."""
    return "ok installed" in run("dpkg-query", "-W", "-f=${Status}", package, quiet=True)


def sanitizer_runtime() -> str | None:
    """The package of clang's sanitizers and fuzzer; its name carries clang's version."""
    found = re.search(r"clang-(\d+)", run("apt-cache", "depends", "clang", quiet=True))
    return f"libclang-rt-{found[1]}-dev" if found else None


def virtual_environment() -> bool:
    """Make .venv and install the lock file and this package into it; whether there was anything to do."""
    if sys.version_info < OLDEST_PYTHON:
        fail(f"python3 is {sys.version.split()[0]}; qcot needs {'.'.join(map(str, OLDEST_PYTHON))} or newer")
    stamp, wanted, done = stamped(
        "python", LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), sys.version, str(ROOT)
    )
    if done:
        return False
    print("set-up: Python packages into .venv", flush=True)
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True, symlinks=True)
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--only-binary=:all:", "--require-hashes", "-r", UV_LOCK, quiet=True)
    install_locked(pip)
    run(*pip, "--no-build-isolation", "--no-deps", "--editable", ROOT)
    stamp.write_text(wanted)
    return True


def install_locked(pip: tuple[str | Path, ...]) -> None:
    """Install the lock file by uv, which is fast; by pip, where only pip knows how (mirrors, settings)."""
    uv = (VENV / "bin" / "uv", "pip", "install", "--python", PYTHON, "--quiet")
    try:
        subprocess.run([*uv, "--require-hashes", "-r", LOCK], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print("set-up: without uv, which takes a minute or two", flush=True)
        run(*pip, "--require-hashes", "-r", LOCK)


def platformio_packages() -> None:
    """PlatformIO's own packages where its registry answers, else the offline core folder."""
    sources = sorted((ROOT / "firmware" / "platform").rglob("*"))
    stamp, wanted, done = stamped("platformio", *(p.read_bytes() for p in sources if p.is_file()))
    if done:
        return
    print("set-up: PlatformIO's packages", flush=True)
    run(PYTHON, ROOT / "firmware" / "platform" / "install.py", "--core-dir", VENV / "platformio")
    stamp.write_text(wanted)


if __name__ == "__main__":
    if os.environ.get("SKIP_PACKAGES") != "1":
        distribution_packages()
    fresh = virtual_environment()
    # For who may not write here later, or wants no bytecode written; while the next step waits for a registry.
    folders = (VENV / "lib", ROOT / "host" / "qcot")
    words = (PYTHON, "-m", "compileall", "-q", "-j", "0", "-x", SELDOM, *folders)
    compiling = subprocess.Popen(words, stdout=subprocess.DEVNULL) if fresh else None
    platformio_packages()
    if compiling:
        compiling.wait()
