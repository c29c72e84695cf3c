"""The bridge: boards' frames in, signed transactions out, and nothing lost in between."""
