"""A step's log as GitHub's runner reads it: which of its lines are commands.

After the source of github.com/actions/runner (`ActionCommand.cs`, `ActionCommandManager.cs`, `ProcessInvoker.cs`): a
line ends at a line feed, a carriage return, or both. It is a command of the second kind if it begins, after white
space, with `::NAME PROPERTIES::`, and of the first if it holds `##[NAME PROPERTIES]` anywhere; NAME has to be one that
the runner knows, in whatever case. After `::stop-commands::WORD` nothing is one until `::WORD::`.
"""

from __future__ import annotations

import re

Command = tuple[str, dict[str, str], str]
"""Name, properties, data."""

KNOWN = frozenset(
    "add-mask add-matcher add-path debug echo endgroup error group internal-set-repo-path notice remove-matcher "
    "save-state set-env set-output stop-commands warning".split()
)
_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_FIRST_KIND = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))


def commands(log: str) -> list[Command]:
    """The commands that the runner acts on, but `stop-commands` and the word that ends it."""
    found: list[Command] = []
    word: str | None = None
    for line in re.split(r"\r\n|\r|\n", log):
        known = KNOWN if word is None else KNOWN | {word.lower()}
        command = _second_kind(line, known) or _first_kind(line, known)
        if command is None:
            continue
        name = command[0].lower()
        if word is not None:
            word = None if name == word.lower() else word
        elif name == "stop-commands":
            word = command[2]
        else:
            found.append((name, *command[1:]))
    return found


def _second_kind(line: str, known: frozenset[str]) -> Command | None:
    line = line.lstrip()
    if not line.startswith("::") or (end := line.find("::", 2)) < 0:
        return None
    return _command(line[2:end], line[end + 2 :], known, ",", _PROPERTY, _DATA)


def _first_kind(line: str, known: frozenset[str]) -> Command | None:
    start = line.find("##[")
    if start < 0 or (end := line.find("]", start)) < 0:
        return None
    return _command(line[start + 3 : end], line[end + 1 :], known, ";", _FIRST_KIND, _FIRST_KIND)


def _command(
    head: str,
    data: str,
    known: frozenset[str],
    separator: str,
    of_property: tuple[tuple[str, str], ...],
    of_data: tuple[tuple[str, str], ...],
) -> Command | None:
    name, _, rest = head.partition(" ")
    if name.lower() not in known:
        return None
    pairs = (pair.split("=", 1) for pair in rest.split(separator) if "=" in pair)
    return name, {key: _turned_back(value, of_property) for key, value in pairs}, _turned_back(data, of_data)


def _turned_back(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for escaped, character in escapes:
        text = text.replace(escaped, character)
    return text
