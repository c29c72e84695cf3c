"""Sealed transactions between bridge and gateway, over a broker that is trusted with nothing.

message: the bytes; secret: how an epoch's key comes from a QKD key; sealer: the bridge's end; opener: the gateway's.
"""
