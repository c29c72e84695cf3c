"""Certificates and what changes them, as bytes and as rules (docs/certificates.md). Pure: no file, no clock."""
