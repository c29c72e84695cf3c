"""The entry point of `qcot`."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run `qcot`, see :func:`qcot.cli.app.run`."""
    # Nothing has been started while modules are loaded: until then Ctrl-C just ends it, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Whether a package that is installed has a plugin for pydantic takes longer to find out than most commands take.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from qcot.cli.app import run

    run()
