"""What can go wrong with an attack on purpose, by name."""

from __future__ import annotations

from qcot.errors import Problem

BAD_ATTACK = Problem("attack-unknown", "Name an attack that `qcot quantum attack --help` lists, or all.")
BAD_ANGLE = Problem("attack-angle", "Give an angle from 0 to pi/2 (1.5708) radians, to an attack that has one.")
BAD_TESTS = Problem("attack-tests", "Give whole numbers of tested pairs from 1 to 1,000, and 1 to 1,000,000 trials.")
