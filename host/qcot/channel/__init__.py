"""Sealed transactions between bridge and gateway, over a broker that is trusted with nothing (docs/channel.md).

level: how a key comes about; handshake: the gateway's offer and the bridge's opening; secret: the key of an epoch;
message: what is sealed under it; sealer: the bridge's end; offers and opener: the gateway's.
"""
