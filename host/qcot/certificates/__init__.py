"""Certificates: who may sign what, until when, under one root. Formats and rules, no I/O."""
