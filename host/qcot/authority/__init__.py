"""The authority: its keys on disk, its window, and what it issued."""
