"""Regenerate the tables and figures of the two papers, and hold each claim against theory and measurement."""
