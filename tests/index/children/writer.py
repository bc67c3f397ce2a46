"""Puts runs until it is done or killed; says each number once its commit is through.

Arguments: path, first number, count, durable (0 or 1), map size.
"""

import sys

from consist.hashing.hasher import hash_bytes
from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.records import ArtifactRecord, RunRecord, encode_record


def record_of(number):
    """Return the record that the tests expect under a number."""
    name = str(number).encode()
    output = ArtifactRecord("out", hash_bytes(b"out" + name), 3000, "bytes", name * (3000 // len(name)))
    return RunRecord(f"{number:020x}", hash_bytes(name), "step", "completed", number, number, outputs=(output,))


def main():
    path, first, count, durable, map_size = sys.argv[1], *map(int, sys.argv[2:])
    index = Index(Environment(path, durable=bool(durable), map_size=map_size), "store-1")
    print("ready", flush=True)
    for number in range(first, first + count):
        record = record_of(number)
        index.put_run(record, encode_record(record))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    sys.stdin.read()  # stays open until it is told to go
    index.close()


if __name__ == "__main__":
    main()
