"""Boards: find, build for, flash, emulate and enrol them."""
