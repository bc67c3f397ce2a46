"""What consist asks of a bucket, counted on the wire, is what the page says. A number that changes is changed there."""

from pathlib import Path

import pytest
from requests_made import SIZES, table

PAGE = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()


def said_for(driver):
    chapter = PAGE.partition("## Requests to a bucket\n")[2].partition("\n## ")[0]
    s3, gcs = (part.partition("\n\n")[0] for part in chapter.split("\n\n| ")[1:])
    lines = (gcs if driver == "gcsfs" else s3).splitlines()
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]


@pytest.mark.parametrize(
    ("driver", "sizes"),
    [
        ("obstore", tuple(SIZES)),
        ("s3fs", tuple(SIZES)[:-1]),  # what differs in sending parts is in tests/blobs/test_s3_drivers.py
        ("gcsfs", tuple(SIZES)),
    ],
)
def test_the_requests_are_those_of_the_page(request, tmp_path, driver, sizes):
    server = request.getfixturevalue("fake_gcs" if driver == "gcsfs" else "ministack")
    counted = [[cell for cell in row if cell] for row in table(server, driver, tmp_path, sizes)]
    assert counted == [row[: len(sizes) + 1] for row in said_for(driver)]
