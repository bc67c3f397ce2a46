"""Opens, reads all, writes a little, and says how that went: ``fine``, or the kind of our error.

Arguments: path, number of runs that are there. Any other end is a failure of the test.
"""

import sys

from consist.errors import ConsistError
from consist.hashing.hasher import hash_bytes
from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.records import RunRecord, encode_record


def use(index, count):
    """Ask for all; an answer must be right or an error."""
    for number in range(count):
        found = index.find(hash_bytes(str(number).encode()))
        assert found is None or int(found.id, 16) == number
        found = index.get_run(f"{number:020x}")
        assert found is None or int(found.id, 16) == number
    for found in index.runs():
        assert found.started == int(found.id, 16)
    for entry in index.blobs():
        assert entry.size == 3000
    list(index.steps())
    index.producers(hash_bytes(b"out1"))
    for number in range(count, count + 20):
        record = RunRecord(f"{number:020x}", hash_bytes(str(number).encode()), "step", "completed", number, number)
        index.put_run(record, encode_record(record))
    index.close()


def main():
    try:
        use(Index(Environment(sys.argv[1]), "store-1"), int(sys.argv[2]))
    except ConsistError as error:
        print(error.kind)
    else:
        print("fine")


if __name__ == "__main__":
    main()
