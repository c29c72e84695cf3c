"""`qcot quantum`: the group, and where each of its commands is."""

from __future__ import annotations

import typer

from qcot.cli.lazy import Place, lazy

TECHNIQUES = {
    "hash": "Hash by a quantum walk (QUMA 4.2, 7.1), run that walk as a circuit, or test the hash.",
    "embed": "Embed records as basis states and measure their superposition.",
    "qblock": "Make a chain of Qblocks, check it, and see what its checks show of a forgery.",
    "audit": "Recover a Qblock's time from its phase; status 1 where it is not the recorded one.",
    "validate": "Validate an identity: Bell pairs, random checks, and a key that is burnt by use (QUMA 5.3, 5.7).",
    "attack": "Attack identity validations and Qblocks, and count how often it shows, beside theory (QUMA 7.2, 7.3).",
    "qkd": "Distribute keys by BB84 or E91: loss, noise, sifting, Cascade, privacy amplification, finite keys.",
    "entropy": "Draw random bits from qubits, with health tests, extractor and the operating system's own (QUMA 5.1).",
    "teleport": "Teleport qubits over repeaters, and a message through the four Q-IoT layers (QCoT, Fig. 2.3).",
    "simulate": "Simulate the hospital network and its protocol (QUMA 5 and 6), or what a fault does to it.",
}
"""Each is in the module of that name beside this one."""

app = typer.Typer(
    cls=lazy({name: Place(f"qcot.cli.quantum.{name}", summary) for name, summary in TECHNIQUES.items()}),
    no_args_is_help=True,
    help="What two papers do with a quantum state, each by itself. On a simulator unless --backend says else.\n\n"
    "The papers are QUMA (doi:10.20944/preprints202402.0529.v1), whose sections are named, and QCoT.\n\n"
    "Example: `qcot quantum hash --hex 616263`",
)
COMMANDS = {"quantum": app}
