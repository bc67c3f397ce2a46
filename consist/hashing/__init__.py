"""Bytes and values to digests: `Digest`, hashing, the canonical encoding, the capped codec, the checked frame.

The only layer that imports ``blake3`` and ``msgpack``. It knows nothing of stores, runs or functions.
"""
