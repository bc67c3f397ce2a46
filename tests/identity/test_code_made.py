"""Classes that a function or metaclass of the standard library made: they are the project's, whatever they claim."""

import pytest

from consist.identity.code import code_identity

MADE = {
    "make_dataclass": "dataclasses.make_dataclass('D', [('v', int, {})])",
    "new_class": "types.new_class('D', (), {{}}, lambda ns: ns.update(v={}))",
    "metaclass": "abc.ABCMeta('D', (), {{'v': {}}})",
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_what_is_in_a_made_class_counts(made, project):
    source = "import abc, dataclasses, types\nD = {}\ndef f():\n    return D\n"
    first, second, again = (code_identity(project(job=source.format(made.format(n))).f) for n in (1, 2, 1))
    assert first.digest == again.digest != second.digest
    assert not first.uncacheable


def test_the_makers_own_classes_are_the_standard_librarys(project):
    names = "abc.ABC, types.SimpleNamespace, types.DynamicClassAttribute"
    module = project(job=f"import abc, types\ndef f():\n    return {names}\n")
    assert not [label for label in code_identity(module.f).manifest if label.endswith("(bases)")]
