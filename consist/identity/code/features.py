"""What an identity cannot see, each with a warning: text run as code, the environment, files, the clock, chance."""

from __future__ import annotations

import operator
import types
from typing import TYPE_CHECKING, Any

from consist.identity.code.distributions import Kind
from consist.identity.code.instances import is_compiled
from consist.identity.code.owners import is_a, origin_of, said_text
from consist.identity.code.references import MISSING

if TYPE_CHECKING:
    from consist.identity.code.instructions import CodeFacts
    from consist.identity.code.references import Found

RUNS_TEXT = frozenset({"eval", "exec", "compile"})
"""Builtins by which text becomes code; constant text in such a function is looked at as code."""

READS_NAMES_IN_TEXT = frozenset({"query", "eval"})
"""Methods of tables in whose text ``@name`` is a variable."""

READS_NAMESPACE = frozenset({"globals"})
READS_DOCS = frozenset(
    {"__doc__", "getdoc", "help", "model_json_schema", "models_json_schema", "json_schema", "schema_json"}
)
"""Among others of pydantic, which puts a model's docstring into its schema."""
READS_ANNOTATIONS = frozenset(
    {"__annotations__", "get_type_hints", "get_annotations", "signature", "from_callable", "getfullargspec"}
    | {"__annotate__", "__annotate_func__", "__annotations_cache__", "call_annotate_function"}  # since 3.14
    | {"validate_call", "TypeAdapter"}
)

_BY_NAME = {
    "eval": "runs text as code (eval)",
    "exec": "runs text as code (exec)",
    "compile": "makes code from text (compile)",
    "__import__": "imports by name (__import__)",
    "open": "reads or writes files (open)",
    "input": "asks the user (input)",
}
_BY_MODULE = {
    "random": "draws random numbers (random)",
    "secrets": "draws random numbers (secrets)",
    "subprocess": "runs other programs (subprocess)",
    "socket": "talks to the network (socket)",
    "urllib.request": "talks to the network (urllib)",
    "requests.api": "talks to the network (requests)",
    "requests.sessions": "talks to the network (requests)",
    "runpy": "runs files as code (runpy)",
}
_BY_ATTRIBUTE = {
    "import_module": "imports by name (import_module)",
    "read_text": "reads files (read_text)",
    "read_bytes": "reads files (read_bytes)",
    "read_csv": "reads files (read_csv)",
    "read_parquet": "reads files (read_parquet)",
    "read_json": "reads files (read_json)",
    "read_excel": "reads files (read_excel)",
    "open": _BY_NAME["open"],
    "loadtxt": "reads files (loadtxt)",
    "iterdir": "lists files (iterdir)",
    "listdir": "lists files (listdir)",
    "scandir": "lists files (scandir)",
    "glob": "lists files (glob)",
    "rglob": "lists files (rglob)",
    "genfromtxt": "reads files (genfromtxt)",
    "environ": "reads the environment (os.environ)",
    "environb": "reads the environment (os.environb)",
    "getenv": "reads the environment (os.getenv)",
    "now": "reads the clock (now)",
    "utcnow": "reads the clock (utcnow)",
    "today": "reads the clock (today)",
    "urandom": "draws random numbers (urandom)",
    "uuid4": "draws random numbers (uuid4)",
    "rvs": "draws random numbers (rvs)",
    "uuid1": "draws random numbers (uuid1)",
    "coupler": "reads what other steps made (coupler)",
    "find_runs": "asks for earlier runs (find_runs)",
    "find_latest_run": "asks for earlier runs (find_latest_run)",
    "run_set": "asks for earlier runs (run_set)",
    "_getframe": "looks at its caller (_getframe)",
    "currentframe": "looks at its caller (currentframe)",
    "co_firstlineno": "looks at line numbers (co_firstlineno)",
    "f_lineno": "looks at line numbers (f_lineno)",
    "tb_lineno": "looks at line numbers (tb_lineno)",
    "getsource": "looks at source text (getsource)",
    "getsourcelines": "looks at source text (getsourcelines)",
}
_BY_FUNCTION = {
    ("_pickle", "loads"): "loads objects whose classes it finds by name (pickle)",
    ("_pickle", "load"): "loads objects whose classes it finds by name (pickle)",
    ("numpy", "load"): "reads files (numpy.load)",
    ("numpy", "fromfile"): "reads files (numpy.fromfile)",
    ("numpy", "memmap"): "reads files (numpy.memmap)",
    ("_sqlite3", "connect"): "reads or writes files (sqlite3.connect)",
    ("sqlite3", "connect"): "reads or writes files (sqlite3.connect)",
    ("inspect", "stack"): "looks at its caller (inspect.stack)",
    ("os", "walk"): "lists files (os.walk)",
    ("os", "fwalk"): "lists files (os.fwalk)",
    ("posix", "stat"): "looks at files (os.stat)",
    ("posix", "lstat"): "looks at files (os.lstat)",
}
_BY_TYPE = {
    ("requests", "Session"): _BY_MODULE["requests.sessions"],
    ("httpx", "Client"): "talks to the network (httpx)",
    ("httpx", "AsyncClient"): "talks to the network (httpx)",
    ("urllib3", "PoolManager"): "talks to the network (urllib3)",
    ("aiohttp", "ClientSession"): "talks to the network (aiohttp)",
    ("botocore", "BaseClient"): "talks to the network (botocore)",
    ("random", "SystemRandom"): "draws random numbers (random.SystemRandom)",
}
"""By the root of the module and the name of a class: of what an instance in a global does when it is used."""
_READERS = ("read_", "scan_", "open")
"""How functions begin that read, in packages: `read_sql` of pandas, `scan_parquet` of polars, `open` of gzip.

Not looked for among the names of attributes: those of objects begin so too. The project's own functions are walked."""
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_CLOCK = frozenset({"time", "time_ns", "monotonic", "perf_counter", "process_time", "localtime", "gmtime", "strftime"})
_SEEDED = frozenset(
    {
        "Random",
        "default_rng",
        "Generator",
        "RandomState",
        "SeedSequence",
        "PCG64",
        "PCG64DXSM",
        "MT19937",
        "Philox",
        "SFC64",
    }
)
"""What draws from a seed of its own, if it is given one."""


def features_of_names(facts: CodeFacts) -> list[str]:
    """Describe what the attribute names of a code object give away."""
    names = facts.names & _BY_ATTRIBUTE.keys()
    if any(use.kind != "import" and use.name == "open" for use in facts.uses):
        names -= {"open"}  # a variable: what it stands for is known
    if "random_state" in facts.strings:
        names -= {"rvs"}  # the keyword by which a distribution of scipy is given a seed
    return [_BY_ATTRIBUTE[name] for name in sorted(names)]


def names_in_text(facts: CodeFacts) -> frozenset[str]:
    """Return the names of a code object and the text in it, by which ``getattr`` or ``vars`` may be asked."""
    return facts.names.union(facts.strings)


def names_behind(value: Any) -> frozenset[str]:
    """Return the names that a function of the standard library goes by, or that a getter of `operator` asks for."""
    if type(value) is types.FunctionType:
        return frozenset({value.__name__})
    return frozenset(value.__reduce__()[1]) if type(value) is operator.attrgetter else frozenset()


def feature_of(found: Found, facts: CodeFacts) -> str | None:
    """Describe what a name in a code object stands for, if it is something that an identity cannot see."""
    value: Any = found.value
    if found.where == "builtins":
        return _BY_NAME.get(found.name)
    if found.where == "sys" and found.name in {"modules", "argv", "path"}:
        return f"reads sys.{found.name}"
    if found.library is not None and found.value is MISSING:
        home, _, last = found.written.rpartition(".")
        return _BY_MODULE.get(home) or _reading(last)
    if not issubclass(type(value), _CODE) and not is_compiled(value):
        # Nothing else is asked for its attributes: a user's object may do anything then.
        return next((_BY_TYPE[name] for name in map(_named, type(value).__mro__) if name in _BY_TYPE), None)
    bound = getattr(value, "__self__", None)
    module = said_text(value, "__module__") or said_text(type(bound), "__module__")
    name = said_text(value, "__name__") or found.name
    if found.where == "time" or module == "time":
        return f"reads the clock (time.{name})" if name in _CLOCK else None
    if {found.where, module} & {"numpy.random", "random"}:
        is_seeded = name in _SEEDED and found.name not in facts.unseeded_calls
        return None if is_seeded else f"draws random numbers ({found.where}.{found.name})"
    if not is_a(value, type) and _reading(name) and origin_of(value).kind is not Kind.PROJECT:
        return _reading(name)
    return (
        _BY_FUNCTION.get((str(module), name))
        or _BY_MODULE.get(str(module))
        or (_BY_ATTRIBUTE.get(name) if module in {"os", "uuid", "importlib"} else None)
    )


def _named(cls: type) -> tuple[str, str]:
    return str(vars(cls).get("__module__", "")).partition(".")[0], cls.__name__


def _reading(name: str) -> str | None:
    """Describe a package's function by its name, if that says that it reads."""
    return _BY_NAME.get(name) or f"reads files ({name})" if name.startswith(_READERS) else None
