"""A site's authority on disk: its keys, its window, and all that it issued (docs/certificates.md, The authority)."""
