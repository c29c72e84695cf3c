"""The whole way once, with simulated boards: flashed, enrolled, recorded, verified, and tampered with on a copy."""
