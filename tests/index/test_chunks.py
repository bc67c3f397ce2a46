"""The chunk table: what was added is found, in any process; what is damaged counts as unknown."""

from consist.index.environment import Environment
from consist.index.index import Index


def entry(number):
    return (bytes([number % 256]) * 32, 64 << 20, number % 2, number, number + 1, number + 2)


def key(number):
    return number.to_bytes(32, "big")


def test_what_is_added_is_found_in_order_and_in_batches(index):
    entries = [(key(number), entry(number)) for number in range(5000)]
    index.chunks.add(entries)
    asked = [key(4999), key(5000), key(0), key(4999)]
    assert index.chunks.find_many(asked) == [entry(4999), None, entry(0), entry(4999)]
    assert index.chunks.find_many([]) == []
    index.chunks.add([])


def test_the_last_word_counts(index):
    index.chunks.add([(key(1), entry(1))])
    index.chunks.add([(key(1), entry(2))])
    assert index.chunks.find_many([key(1)]) == [entry(2)]


def test_each_store_has_its_own(environment):
    one, other = Index(environment, "store-1"), Index(environment, "store-2")
    one.chunks.add([(key(1), entry(1))])
    assert other.chunks.find_many([key(1)]) == [None]


def test_it_outlives_the_process_and_a_rebuild(db_path):
    index = Index(Environment(db_path), "store-1")
    index.chunks.add([(key(1), entry(1))])
    index.close()
    again = Index(Environment(db_path), "store-1")
    again.clear()
    assert again.chunks.find_many([key(1)]) == [entry(1)]


def test_a_damaged_entry_counts_as_unknown(index, environment):
    index.chunks.add([(key(1), entry(1)), (key(2), entry(2))])

    def damage(txn, tables):
        cursor = txn.cursor(tables.chunks)
        found = [(bytes(name), bytes(data)) for name, data in cursor.iternext()]
        name, data = next(item for item in found if item[0].endswith(key(1)))
        txn.put(name, data[:5] + bytes([data[5] ^ 1]) + data[6:], db=tables.chunks)

    environment.write(damage)
    assert index.chunks.find_many([key(1), key(2)]) == [None, entry(2)]
    index.chunks.add([(key(1), entry(3))])
    assert index.chunks.find_many([key(1)]) == [entry(3)]
