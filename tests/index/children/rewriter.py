"""Writes to an index without end, pages over pages; says ``ready`` when it has begun. Argument: path."""

import itertools
import os
import sys

from consist.index.environment import Environment


def main():
    environment = Environment(sys.argv[1])
    for turn in itertools.count():
        keys = [b"%d" % ((turn * 7 + number) % 2000) for number in range(40)]
        environment.write(
            lambda txn, tables, keys=keys: [txn.put(key, os.urandom(900), db=tables.hits) for key in keys]
        )
        if turn == 100:  # by then pages are used again
            print("ready", flush=True)


main()
