"""All that touches a quantum state: walk hash, Qblock phases and their checks, and the one place that runs circuits.

Everything runs on a simulator unless a real backend is configured, and every result says which. No security claim
rests on this package; SHA-256 and ML-DSA carry that weight (docs/quantum/).
"""
