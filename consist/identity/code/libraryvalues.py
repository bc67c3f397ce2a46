"""How values of libraries are encoded that are neither plain data nor written in Python: of numpy, Cython, numba."""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import text
from consist.identity.code.distributions import module_named, origin_of_module_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.hashing.canonical import Encoder
    from consist.identity.code.encoder import CodeEncoder


def wrapped_in_c(encoder: CodeEncoder, value: Any) -> bytes | None:
    """Encode an object of C that says which Python function it was made of (numba's and wrapt's, for two), and how."""
    shown = dict(shown_by_c(value))
    found = (getattr(value, name, None) for name in ("__wrapped__", "py_func"))
    function = next((each for each in found if type(each) is types.FunctionType), shown.get("__wrapped__"))
    if function is None:
        return None
    options = getattr(value, "targetoptions", None)
    made = b"@k" + encoder.encode(type(value)) + encoder.encode(function) + encoder.encode(options)
    # numba's says how often it was compiled.
    rest = [] if hasattr(value, "py_func") else [item for item in shown.items() if not item[0].startswith("__")]
    return made + (encoder.attributes(rest) if rest else b"")


def shown_by_c(value: Any) -> Iterator[tuple[str, Any]]:
    """List the attributes of an object that its types of C have: of wrapt's, what it wraps, and with what."""
    for base in type(value).__mro__[:-1]:
        for name, member in sorted(vars(base).items()):
            if issubclass(type(member), (types.GetSetDescriptorType, types.MemberDescriptorType)):
                try:
                    yield name, member.__get__(value)
                except (AttributeError, ValueError):  # never set
                    continue


def compiled(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a function that Cython, nanobind or pybind11 made by name; the last calls it after its own record."""
    name = value.__name__ if type(value) is types.BuiltinFunctionType else value.__qualname__
    return encoder.symbol(origin_of_module_name(value.__module__), value.__module__, name)


def ufunc(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a ufunc by name; one made of a Python function hides it."""
    if value.__name__.endswith("(vectorized)"):
        return encoder.opaque(value, "a ufunc made of a Python function")
    home = "numpy"
    for name in ("numpy", "scipy.special", getattr(value, "__module__", None)):
        module = module_named(name)
        if module is not None and vars(module).get(value.__name__) is value:
            home = str(name)
            break
    return encoder.symbol(origin_of_module_name(home), home, value.__name__)


def dispatched(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode one of numpy's functions by name."""
    module = value.__module__ or "numpy"
    return encoder.symbol(origin_of_module_name(module), module, value.__qualname__)


def numpy_random(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode one of numpy's generators of random numbers by its state."""
    if is_own_generator(value):
        encoder.sink.notice("draws random numbers (from numpy's own generator)")
        return encoder.symbol(origin_of_module_name("numpy.random"), "numpy.random", "_rand")
    bits = getattr(value, "bit_generator", None)
    state = value.get_state(legacy=False) if bits is None else bits.state
    return encoder.shared(value, lambda: b"@g" + text(type(value).__name__) + encoder.encode(state))


def is_own_generator(value: Any) -> bool:
    """Tell whether an object is the generator behind ``np.random.rand``, whose state is the program's and not a seed.

    numpy seeds it anew in each process; `scipy.stats` and scikit-learn hand it on. It counts as its functions do.
    """
    module = module_named("numpy.random.mtrand")
    return module is not None and vars(module).get("_rand") is value


def library_handler(cls: type) -> Callable[[Encoder, Any], bytes] | None:
    """Return how numpy's, pandas', polars' and pyarrow's values are encoded, if the type is one of them."""
    root = cls.__module__.partition(".")[0]
    name = "consist.hashing.arrays" if root == "numpy" else "consist.hashing.tables"
    found: Callable[[Encoder, Any], bytes] | None = importlib.import_module(name).handler_for(cls)
    return found
