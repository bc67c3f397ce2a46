"""Takes the writers' lock, or a snapshot, and keeps it until it is killed. Arguments: path, ``read`` or ``write``."""

import sys

from consist.index.environment import Environment


def hold(_txn, _tables):
    """Say that it is held, and wait."""
    print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    getattr(Environment(sys.argv[1]), sys.argv[2])(hold)
