"""Print the golden cuts as JSON: where contents are cut, by FastCDC 2020 as ``docs/format.md`` writes it out.

Nothing of consist and no other chunker is used: gear table, masks and loop stand here. The file ``cuts.json`` was made
by this program; what is in it never changes.
"""

import hashlib
import json
import random

GEAR = [int.from_bytes(hashlib.md5(bytes([i]) * 64).digest()[:8], "big") for i in range(256)]  # noqa: S324 - a table
MASK_SMALL, MASK_LARGE = 0x0000D91707537000, 0x0000D90703537000
MIN, AVERAGE, MAX = 64 << 10, 256 << 10, 1 << 20
WORD = (1 << 64) - 1


def cut(data, start):
    """Return where the chunk ends that begins at `start`."""
    end = min(len(data) - start, MAX)
    if end <= MIN:
        return start + end
    middle = min(AVERAGE, end)
    value = 0
    for low, high, mask in ((MIN, middle // 2 * 2, MASK_SMALL), (middle // 2 * 2, end // 2 * 2, MASK_LARGE)):
        for position in range(low, high, 2):
            value = ((value << 2) + (GEAR[data[start + position]] << 1)) & WORD
            if not value & (mask << 1):
                return start + position
            value = (value + GEAR[data[start + position + 1]]) & WORD
            if not value & mask:
                return start + position + 1
    return start + end


def contents():
    """Return named contents, all made from seeds."""
    noise = random.Random("consist").randbytes(6 << 20)  # noqa: S311 - the same for ever is what is wanted
    rows = b"".join(b"%d,%d,%s\n" % (i, i * i % 7919, b"abc"[: i % 4]) for i in range(150_000))
    return {
        "nothing": b"",
        "one byte": b"x",
        "the least": noise[:MIN],
        "one more than the least": noise[: MIN + 1],
        "odd length": noise[: AVERAGE - 1],
        "zeros": bytes(3 * MAX + 5),
        "noise": noise,
        "noise with a byte inserted": noise[: 2 << 20] + b"!" + noise[2 << 20 :],
        "rows": rows,
    }


def ends(data):
    """Return where all chunks of a content end."""
    found, start = [], 0
    while start < len(data):
        start = cut(data, start)
        found.append(start)
    return found


if __name__ == "__main__":
    print(json.dumps({name: ends(data) for name, data in contents().items()}))
