"""Content that is not what it was."""


def harmed(data: bytes) -> bytes:
    """Return content with a bit of its last byte turned: another byte for all, where a fixed one may be the same."""
    return data[:-1] + bytes([data[-1] ^ 1])
