"""A function as a node: its code, defaults, attributes, closure, and what each name in it stands for."""

from __future__ import annotations

import functools
import re
import types
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import encode, text
from consist.identity.code import features, references, textual, untouched
from consist.identity.code.atoms import is_atom
from consist.identity.code.distributions import Kind, module_named
from consist.identity.code.instances import dict_of
from consist.identity.code.instructions import CodeFacts, code_facts
from consist.identity.code.intruders import is_project_code, registered
from consist.identity.code.owners import is_a, is_own, label_of, module_label, origin_of
from consist.identity.code.state import WRITE_ONLY
from consist.identity.code.uses import ASKS_BY_TEXT, Use, texts_in
from consist.identity.code.values import ValueEncoder
from consist.identity.code.variables import Variable, variable_of, variables_of

if TYPE_CHECKING:
    from consist.identity.code.distributions import Origin
    from consist.identity.code.state import WalkState

_ATTRIBUTE_NOISE = frozenset({"__signature__", "__annotations__", "__doc__"})
_RUN_TIME_STATE = frozenset(
    {"cache", "caches", "cached", "memo", "memory", "lock", "locks", "rlock", "stats", "statistics", "running"}
    | {"token", "tokens"}
)
"""Words in the names of containers and locks that a library's wrapper closes over to remember, not to decide."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def describe(walk: WalkState, function: types.FunctionType) -> None:
    """Describe a function of the project, or a library's wrapper round one."""
    walk.watch.function(function)
    if origin_of(function).kind is Kind.PROJECT:
        _describe_project(walk, function)
    else:
        _describe_wrapper(walk, function)


def _describe_project(walk: WalkState, function: types.FunctionType) -> None:
    label = label_of(function)
    facts = code_facts(function.__code__)
    piece = walk.piece(label)
    attributes = [item for item in sorted(function.__dict__.items()) if item[0] not in _ATTRIBUTE_NOISE]
    # A label is for people; by `vars` the code may see the names.
    piece.data = b"F" + facts.body + text(function.__name__) + encode([name for name, _ in attributes])
    walk.attributes.update(facts.attributes)
    _note_features(walk, label, facts)
    asks_by_text = bool(facts.names & ASKS_BY_TEXT)
    if asks_by_text:
        walk.asks_for(texts_in((*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())))
    _describe_defaults(walk, label, function)
    for name, value in attributes:
        walk.value(f"{label}.{name}", value)
    uses = [*facts.uses, *_late_uses(walk, facts)]
    used_cells = {use.name for use in uses if use.kind == "cell" and not use.sets}
    # ``super()`` reads its cell without an instruction that says so.
    uses += [Use("cell", name) for name in function.__code__.co_freevars if name not in used_cells]
    for use in uses:
        if use.sets:
            walk.variables.used(function, label, [_variable(use.name, function)], sets=True)
        else:
            found = describe_use(walk, label, use, function)
            if asks_by_text:
                walk.asks_for(texts_in(found.value))
    for use in (use for source in facts.texts for use in textual.uses_in(source)):
        describe_use(walk, label, use, function, is_run=False)
    if facts.names & features.READS_NAMESPACE:
        _describe_namespace(walk, label, function)


def _describe_wrapper(walk: WalkState, function: types.FunctionType) -> None:
    """Describe a library's function by what it closes over: the project's function, and how it was set up."""
    label = label_of(function)
    if origin_of(function).kind is Kind.INSTALLED:
        for held in (*(references.contents(cell) for cell in function.__closure__ or ()), *function.__dict__.values()):
            walk.read_by_library(held)
    walk.piece(label).data = b"W"
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        if not _remembers(name, references.contents(cell)):
            walk.value(f"{label}:{name}", references.contents(cell), lenient=True)
    for name, value in sorted(function.__dict__.items()):
        if name not in _ATTRIBUTE_NOISE and not _remembers(name, value):
            walk.value(f"{label}.{name}", value, lenient=True)
    if function.__closure__ and "<locals>" in function.__code__.co_qualname:
        _describe_defaults(walk, label, function, lenient=True)


def _remembers(name: str, value: Any) -> bool:
    """Tell whether a wrapper's variable is state of the run time.

    A number or text was set by who decorated, and so was the project's own function that makes a key or reads a clock.
    """
    words = {word.lower() for word in _WORD.findall(name)}
    return bool(words & _RUN_TIME_STATE) and not _is_plain(value) and not _calls_project(value)


def _calls_project(value: Any) -> bool:
    """Tell whether a value is there to be called, and what is called is the project's."""
    inner = value.func if type(value) is functools.partial else dict_of(value).get("__wrapped__")
    if is_a(value, types.MethodType):
        inner = value.__func__
    return callable(value) and is_project_code(value) if inner is None else _calls_project(inner)


def _is_plain(value: Any) -> bool:
    return is_atom(type(value)) or (type(value) is tuple and all(map(_is_plain, value)))


def _describe_defaults(walk: WalkState, label: str, function: types.FunctionType, *, lenient: bool = False) -> None:
    defaults: list[Any] = list(function.__defaults__ or ())
    keyword = function.__kwdefaults__ or {}
    if defaults or keyword:
        walk.value(f"{label} (defaults)", (tuple(defaults), *sorted(keyword.items())), lenient=lenient)


def describe_use(
    walk: WalkState, label: str, use: Use, function: types.FunctionType, *, is_run: bool = True
) -> references.Found:
    """Describe what one name in a function stands for.

    One that does not run, in an annotation, does nothing, and what it stands for need not have a stable encoding.
    """
    found = references.find(use, function)
    _note_variables(walk, label, use, found, function)
    if not _is_left_out(walk, label, use, found, function):
        if is_run:
            _note_behaviour(walk, label, found, function)
        _describe_found(walk, label, use, found, lenient=not is_run)
    return found


def _is_left_out(walk: WalkState, label: str, use: Use, found: references.Found, function: types.FunctionType) -> bool:
    """Watch a name, and put down that it is left out if it is."""
    if _is_ignored(walk, use, found, function):
        # What is code may be left out by what it calls itself, and something else of that name then is not.
        walk.watch.names(found.bindings if is_a(found.value, type, types.FunctionType) else found.bindings[:-1])
        walk.piece(f"{_name_of(found)} (ignored by {label})").data = b"ignored"
        return True
    walk.watch.names(found.bindings)
    for module, asked, answer in found.asked:
        walk.watch.asked(functools.partial(references.made_when_asked, module, asked), answer)
    return False


def _note_behaviour(walk: WalkState, label: str, found: references.Found, function: types.FunctionType) -> None:
    _note_reading(walk, features.names_behind(found.value))
    feature = features.feature_of(found, code_facts(function.__code__))
    if feature is not None:
        walk.warnings[f"{label} {feature}"] = None


def _name_of(found: references.Found) -> str:
    return f"{found.where}:{found.name}" if found.name else found.where


def _describe_found(walk: WalkState, label: str, use: Use, found: references.Found, *, lenient: bool) -> None:
    name = _name_of(found)
    if found.library is not None and _is_untouched(walk, found):
        _describe_by_name(walk, label, found, found.library)
    elif found.value is references.MISSING:
        walk.piece(f"{name} (missing in {label})").data = b"missing" + text(use.name) + encode(use.chain)
    elif found.name in {"__name__", "__file__", "__spec__", "__package__", "__builtins__"}:
        walk.piece(f"{name} (used by {label})").data = b"module attribute" + text(found.name)
    elif use.writes and _is_container(found.value):
        walk.written(name, found.value)
    elif use.writes and is_a(found.value, types.ModuleType):
        walk.piece(f"{name} (written by {label})").data = b"module written"
    elif found.owner is not None and origin_of(found.owner).kind is not Kind.PROJECT:
        _describe_library_attribute(walk, label, found, lenient=lenient)
    else:
        walk.value(f"{name} (used by {label})", found.value, lenient=lenient)


def _variable(name: str, function: types.FunctionType) -> Variable:
    """Return the variable of a name that a function sets: of its closure, or else a global."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    return variable_of(cells[name]) if name in cells else variable_of(function.__globals__, name)


def _note_variables(
    walk: WalkState, label: str, use: Use, found: references.Found, function: types.FunctionType
) -> None:
    """Take down which variables a name goes through, and which one of a module's is set."""
    cell = [_variable(use.name, function)] if use.kind == "cell" else []
    walk.variables.used(function, label, cell + variables_of(found.bindings))
    if use.target and is_a(found.value, types.ModuleType):
        walk.variables.used(function, label, [variable_of(vars(found.value), use.target)], sets=True)


def _is_ignored(walk: WalkState, use: Use, found: references.Found, function: types.FunctionType) -> bool:
    """Tell whether a name is left out: as the manifest shows it, as the module calls it, or as what it stands for."""
    names = {
        use.name,
        found.written,
        f"{found.where}.{found.name}",
        f"{function.__globals__.get('__name__')}.{use.name}",
    }
    if is_a(found.value, type, types.FunctionType):
        names.add(label_of(found.value))
    used = names & walk.ignored
    walk.ignored_used |= used
    return bool(used)


def _is_container(value: Any) -> bool:
    return type(value) in WRITE_ONLY


def _is_untouched(walk: WalkState, found: references.Found) -> bool:
    if is_a(found.value, type, types.FunctionType):
        walk.watch.intruders(found.value)
    elif type(found.value) in {types.MethodType, types.BuiltinMethodType}:
        walk.watch.intruders(type(found.value.__self__))
    elif type(found.value) in {dict, list}:
        walk.watch.value(found.value)
    return untouched.is_untouched(found)


def _describe_by_name(walk: WalkState, label: str, found: references.Found, library: Origin) -> None:
    """Describe what a function imports from a library: by name and version, whether or not anybody has imported it."""
    piece = walk.piece(f"{found.written} (used by {label})")
    if library.distribution is not None and found.value is references.MISSING:
        walk.watch.site_of(library.distribution)
    piece.data = ValueEncoder(walk).symbol(library, found.written, "")


def _describe_library_attribute(walk: WalkState, label: str, found: references.Found, *, lenient: bool) -> None:
    """Describe what is taken from a module that somebody else wrote.

    Code and modules are described as such, so that a patch by the project is walked; numbers count, because the
    project may have set them; other values of the library are their name.
    """
    value = found.value
    plain = value is None or type(value) in {bool, int, float, complex}
    owner = found.owner
    assert owner is not None  # noqa: S101 - for the type checker; the caller asked
    is_projects = is_a(value, types.FunctionType) or is_project_code(value)
    is_set = plain or untouched.is_set_from_outside(owner, found.name, value)
    if is_set or callable(value) or is_a(value, types.ModuleType) or is_own(value) or is_projects:
        lenient = lenient or not is_projects
        walk.value(f"{found.where}.{found.name} (used by {label})", value, lenient=lenient)
        return
    piece = walk.piece(f"{found.where}.{found.name} (used by {label})")
    piece.data = ValueEncoder(walk).symbol(origin_of(owner), owner.__name__, found.name)
    if origin_of(owner).kind is Kind.INSTALLED:
        if type(value) is dict:
            walk.watch.namespace(value)
        elif type(value) is list:
            walk.watch.value(value)
        for key, item in registered(value):
            walk.value(f"{found.where}.{found.name}[{key}] (used by {label})", item)


def _describe_namespace(walk: WalkState, label: str, function: types.FunctionType) -> None:
    """Describe all globals of a function that asks for them."""
    module = module_named(function.__globals__.get("__name__"))
    if module is not None and vars(module) is function.__globals__:
        walk.value(f"{module_label(function.__globals__)} (used by {label})", module)
    else:
        walk.watch.namespace(function.__globals__)
        names = sorted(function.__globals__)
        walk.variables.used(function, label, [variable_of(function.__globals__, name) for name in names])
        for name, value in sorted(function.__globals__.items()):
            if not name.startswith("__"):
                walk.value(f"{label}:{name}", value)


def _note_features(walk: WalkState, label: str, facts: CodeFacts) -> None:
    for feature in features.features_of_names(facts):
        walk.warnings[f"{label} {feature}"] = None
    walk.reads_subclasses = walk.reads_subclasses or "__subclasses__" in facts.names
    _note_reading(walk, features.names_in_text(facts))


def _note_reading(walk: WalkState, names: frozenset[str]) -> None:
    """Let docstrings or annotations count, if something goes by a name that reads them."""
    walk.reads_docs = walk.reads_docs or bool(names & features.READS_DOCS)
    walk.reads_annotations = walk.reads_annotations or bool(names & features.READS_ANNOTATIONS)


def _late_uses(walk: WalkState, facts: CodeFacts) -> list[Use]:
    """List what constant text in a function refers to, if it makes code of text or looks modules up by name."""
    uses: list[Use] = []
    if any(use.kind == "global" and use.name in features.RUNS_TEXT for use in facts.uses):
        for string in facts.strings:
            uses += _uses_in_text(string)
    if facts.names & features.READS_NAMES_IN_TEXT:
        uses += [Use("global", name) for string in facts.strings for name in re.findall(r"@([A-Za-z_]\w*)", string)]
    if "modules" in facts.names:
        walk.watch.names(references.loaded(name) for name in facts.strings)
        # Only what is imported already: text may be the name of any file, and importing one runs it.
        loaded = {string: module_named(string) for string in facts.strings}
        names = [name for name, module in loaded.items() if module and origin_of(module).kind is Kind.PROJECT]
        uses += [Use("import", name, whole=True) for name in names]
    return uses


def _uses_in_text(string: str) -> tuple[Use, ...]:
    try:
        return code_facts(compile(string, "<text>", "exec")).uses
    except (SyntaxError, ValueError):
        return ()


def describe_docs(walk: WalkState, node: Any) -> None:
    """Add a node's docstrings."""
    walk.watch.docs(node)
    if isinstance(node, types.FunctionType):
        docs = code_facts(node.__code__).docs + encode(node.__doc__ if isinstance(node.__doc__, str) else None)
    else:
        doc = vars(node).get("__doc__")
        docs = encode(doc if isinstance(doc, str) else None)
    walk.piece(f"{label_of(node)} (docstrings)").data = docs
