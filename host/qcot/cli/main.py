"""The entry point of `qcot`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run `qcot`, see :func:`qcot.cli.app.run`."""
    # Nothing has been started while modules are loaded: until then Ctrl-C just ends it, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from qcot.cli.app import run

    run()
