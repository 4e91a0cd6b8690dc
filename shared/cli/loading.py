"""Imports of commands by name: only the one that is called, since all of them take seconds."""

import importlib
from collections.abc import Collection, Mapping, Sequence

import typer


def add_commands(
    app: typer.Typer,
    commands: Mapping[str, str],
    words: Sequence[str],
    negative_arguments: Collection[str] = (),
) -> None:
    """Import and add the command that the first word names, or all of them if it names none.

    A command is `module:function`, or `module:app` of a group of commands, or `module:build_app` of
    a group that imports its own commands by the second word. Those of `negative_arguments` take
    arguments such as -1.
    """
    name, *rest = words or [""]
    for known in [name] if name in commands else commands:
        module, _, attribute = commands[known].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if attribute == "build_app":
            command = command(*rest)
        if isinstance(command, typer.Typer):
            app.add_typer(command)
        else:
            settings = {"ignore_unknown_options": known in negative_arguments}
            app.command(known, context_settings=settings)(command)
