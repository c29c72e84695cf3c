"""The link between a board and its host: docs/link-protocol.md in Python."""
