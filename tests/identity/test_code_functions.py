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


GIVEN = """
import functools
def through({name}):
    def deco(fn):
        @functools.wraps(fn)
        def wrapper(x):
            return fn({name}(x))
        return wrapper
    return deco
"""
CALLED = {
    "function": "def given(x):\n    return x {sign} 1\n",
    "lambda": "given = lambda x: x {sign} 1\n",
    "partial": "import functools\ngiven = functools.partial(lambda y, x: x {sign} y, 1)\n",
    "remembering": "import functools\n@functools.lru_cache\ndef given(x):\n    return x {sign} 1\n",
    "class": "class given(int):\n    def __new__(cls, x):\n        return int.__new__(cls, x {sign} 1)\n",
    "method": "class Own:\n    def go(self, x):\n        return x {sign} 1\ngiven = Own().go\n",
    "object": "class Own:\n    def __call__(self, x):\n        return x {sign} 1\ngiven = Own()\n",
}


@pytest.mark.parametrize("source", CALLED.values(), ids=CALLED)
@pytest.mark.parametrize("name", ["tokenizer", "clock", "cache_key", "memo", "lock", "runningTotal", "state"])
def test_code_of_the_project_counts_whatever_the_library_calls_it(name, source, install, project):
    install("given_to", "1.0", GIVEN.format(name=name))
    job = f"import given_to\n{source}\n@given_to.through(given)\ndef f(x):\n    return x\n"
    plus, minus = (project(job=job.format(sign=sign)) for sign in "+-")
    assert (plus.f(1), minus.f(1)) == (2, 0)
    assert fresh_code_identity(plus.f).digest != fresh_code_identity(minus.f).digest


@pytest.mark.parametrize("name", ["clock", "tokenizer", "status", "blocks", "memorandum"])
def test_a_word_within_another_says_nothing(name, install, project):
    install("sized", "1.0", GIVEN.format(name=name).replace(f"{name}(x)", f"x + len({name})"))
    job = "import sized\n@sized.through({given})\ndef f(x):\n    return x\n"
    short, long = (project(job=job.format(given=given)).f for given in ("[1]", "[1, 2]"))
    assert fresh_code_identity(short).digest != fresh_code_identity(long).digest


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
