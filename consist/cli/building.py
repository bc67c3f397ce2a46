"""From a function to a verb of Typer, without what Typer would load for it.

Two things cost more than all of consist's own imports: rich, which Typer draws help with, and pydantic, through which
recent releases of it (0.29) send every value of an option. Help is plain text here, and the few types that our
options have are converted by `_Converter`: 50 ms less a call of 130 (bare Python 14).
"""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer
import typer.core
import typer.main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Command = Any
"""A command of click: its own before Typer 0.26, Typer's copy of it since; used by what both have."""


class Verb(typer.core.TyperCommand):
    """A verb.

    Attributes
    ----------
    bare : mapping of str to str
        Options whose value may be left out, and the value that is meant then. Their metavar is ``[=NAME]``.
    """

    bare: Mapping[str, str] = MappingProxyType({})

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its options and arguments."""
        return spare(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read what was typed; an option without its value gets the one that is meant.

        A value is part of the option's own word (``--read-data=10%``), as everywhere where it may be left out: the
        next word could be an argument as well.
        """
        end = args.index("--") if "--" in args else len(args)
        filled = [f"{word}={self.bare[word]}" if word in self.bare else word for word in args[:end]]
        return super().parse_args(ctx, filled + args[end:])

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options; a value that may be left out stands as it is typed, without a space before it."""
        closing: Any = _Closing(formatter)
        super().format_options(ctx, closing)


class _Closing:
    """A formatter of help that writes ``--option [=VALUE]`` without the space."""

    def __init__(self, formatter: Any) -> None:
        self._formatter = formatter
        self.section = formatter.section

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write a list of names and meanings."""
        self._formatter.write_dl([(name.replace(" [=", "[="), meaning) for name, meaning in rows])


class Group(typer.core.TyperGroup):
    """A verb that has verbs of its own."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its options."""
        return spare(super().get_params(ctx))


def make_verb(
    function: Callable[..., Any], *, name: str, examples: Sequence[str], bare: Mapping[str, str] | None = None
) -> Command:
    """Make a verb.

    Parameters
    ----------
    function : callable
        Does it; its docstring is the help, its annotated parameters are the options. Returns an exit code, or None.
    name : str
        What is typed.
    examples : sequence of str
        Lines for the help.
    bare : mapping of str to str, optional
        As of `Verb`.
    """
    app = _app()
    app.command(name, cls=Verb, help=_help(function, examples))(function)
    verb = typer.main.get_command(app)
    if isinstance(verb, Verb):
        verb.bare = dict(bare or {})
    return verb


def make_group(verbs: Mapping[str, tuple[Callable[..., Any], Sequence[str]]], *, name: str, about: str) -> Command:
    """Make a verb that has verbs of its own.

    Parameters
    ----------
    verbs : mapping
        Function and examples by name.
    name : str
        What is typed before them.
    about : str
        The help.
    """
    app = _app()
    app.callback(help=about)(lambda: None)
    for verb, (function, examples) in verbs.items():
        app.command(verb, cls=Verb, help=_help(function, examples))(function)
    group = typer.main.get_command(app)
    group.name = name
    return group


def _app() -> typer.Typer:
    return typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _help(function: Callable[..., Any], examples: Sequence[str]) -> str:
    about = inspect.cleandoc(function.__doc__ or "")
    lines = "".join(f"\n  {example}" for example in examples)
    return f"{about}\n\n\b\nExamples:{lines}"


def spare(parameters: list[Any]) -> list[Any]:
    """Give parameters their converters before Typer makes its own."""
    for parameter in parameters:
        kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
        if kind in _CONVERTED and getattr(parameter, "_runtime_param", kind) is None:
            parameter._runtime_param = _Converter(int if kind is int else None)  # noqa: SLF001 - see above
    return parameters


_CONVERTED = (str, int, bool, list[str])


class _Converter:
    """Turns what was typed into a value: text stays text, a number is read."""

    def __init__(self, kind: Callable[[str], Any] | None) -> None:
        self._kind = kind

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Do it, in the way that Typer's own converters are called."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if self._kind is None:
            return value
        try:
            return self._kind(value)
        except ValueError:
            raise typer.BadParameter(f"{value!r} is not a whole number.", ctx=ctx, param=param) from None
