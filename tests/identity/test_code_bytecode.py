"""What a module's code says that it binds, read without running it."""

from consist.identity.code.bytecode import bindings_of


def test_numbers_and_texts_that_are_bound_once(project):
    """Small numbers have an instruction of their own from Python 3.14 on."""
    source = "FEW = 7\nNONE = 0\nMANY = 5000\nNAME = 'a'\nTWICE = 1\nTWICE = 2\nMADE = len('a')\n"
    assert bindings_of(project(job=source)).constants == {"FEW": 7, "NONE": 0, "MANY": 5000, "NAME": "a"}


def test_from_where_names_are_taken(project):
    found = bindings_of(project(job="from json import dumps as text\nfrom os.path import *\nimport math\n"))
    assert found.taken["text"] == ("json", "dumps")
    assert found.stars == ["os.path"]
    assert {"text", "math"} <= found.bound
