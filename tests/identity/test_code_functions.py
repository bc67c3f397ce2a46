"""What of a library's wrapper round a function counts."""

import pytest

from consist.identity.code import code_identity, fresh_code_identity

LIMIT = """
    import functools
    def limit({name}):
        def decorate(fn):
            @functools.wraps(fn)
            def wrapper(*args):
                return fn(*args)[:{name}]
            return wrapper
        return decorate
"""


@pytest.mark.parametrize(
    "name", ["setting", "max_tokens", "block_size", "clock", "memory", "cache_size", "stats", "running"]
)
def test_a_setting_counts_whatever_the_library_calls_it(name, install, project):
    install("limits", "1.0", LIMIT.format(name=name))

    def digest(value):
        job = f"import limits\n@limits.limit({value})\ndef f(x):\n    return x\n"
        return fresh_code_identity(project(job=job).f).digest

    values = ["10", "20", "'10'", "b'10'", "None", "True", "(1, 2)", "(1, (3,))"]
    assert len({digest(value) for value in values}) == len(values)
    assert digest("10") == digest("10")


@pytest.mark.parametrize("made", ["{}", "[]", "set()", "threading.Lock()"])
def test_what_a_wrapper_remembers_does_not_count(made, install, project):
    remembering = f"""
        import functools, threading
        def remember(fn):
            memory = {made}
            @functools.wraps(fn)
            def wrapper(x):
                getattr(memory, "__dict__", memory)
                return fn(x)
            wrapper.memory = memory
            return wrapper
    """
    install("remembers", "1.0", remembering)
    module = project(job="import remembers\n@remembers.remember\ndef f(x):\n    return x\n")
    before = code_identity(module.f)
    assert not before.uncacheable
    memory = module.f.memory
    fill = next((getattr(memory, name) for name in ("append", "add", "acquire") if hasattr(memory, name)), None)
    memory.update(a=1) if fill is None else fill() if made.startswith("threading") else fill(1)
    assert fresh_code_identity(module.f).digest == before.digest


@pytest.mark.parametrize("body", ["sorted(vars(g))", "len(g.__dict__)", "getattr(g, 'unit', None)"])
def test_the_name_of_an_attribute_counts(body, project):
    """By `vars` and ``getattr`` the code may see it."""
    source = "def g():\n    return 1\ng.{} = 1\ndef f():\n    return {}\n"
    one, two = (fresh_code_identity(project(job=source.format(name, body)).f) for name in ("unit", "size"))
    assert one.digest != two.digest
