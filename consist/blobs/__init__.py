"""Digest to bytes, written once: the `Backend` port, its adapters, and `BlobStore` on top.

The only layer, beside ``fs``, that imports ``fsspec``. It knows nothing of runs.
"""
