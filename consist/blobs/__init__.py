"""Digest to bytes, written once: the `Backend` port, its adapters, and `BlobStore` on top.

The only layer, beside ``fs``, that imports ``fsspec``, and the only one that imports drivers of object stores. It knows
nothing of runs.
"""
