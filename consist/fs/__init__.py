"""``consist://``: the store as a filesystem that every tool which speaks fsspec can read."""

from consist.fs.filesystem import ConsistFileSystem

__all__ = ["ConsistFileSystem"]
