"""Git's settings: reading them, telling which hold a secret, and handing them to one process by its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Pairs = Sequence[tuple[str, str]]
"""Names and values, in the order in which they hold: the last one wins, or is added, as git has it for that name."""

_NAMED = re.compile(r"(?is)(http\.(.*\.)?(extraheader|cookiefile)|credential\..*|core\.(sshcommand|askpass))")
_LOGIN = re.compile(r"(?i)(https?://)[^/@\s]+@")
_COUNT, _KEY, _VALUE = "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of a configuration. `scope` is system, global, local, worktree or command; `file` is where it stands."""

    scope: str
    file: Path | None
    name: str
    value: str = field(repr=False)

    @property
    def is_secret(self) -> bool:
        """Whether it is a credential, or holds one: a header, a helper, a key's command, a login in an address."""
        return bool(_NAMED.fullmatch(self.name) or _LOGIN.search(self.name) or _LOGIN.search(self.value))

    @property
    def is_include(self) -> bool:
        """Whether it says that another file is read, too."""
        name = self.name.lower()
        return name.startswith(("include.", "includeif.")) and name.endswith(".path")

    @property
    def harmless_value(self) -> str | None:
        """The value without the login in it; None where there is no more to the setting than the secret."""
        if _NAMED.fullmatch(self.name) or _LOGIN.search(self.name):
            return None
        return without_login(self.value)

    def lent(self) -> tuple[str, str]:
        """The same for one process, after it has been taken out of the file."""
        value = self.harmless_value
        # a second address of a remote would not be asked
        return (self.name, self.value) if value is None else (f"url.{self.value}.insteadOf", value)


def without_login(address: str) -> str:
    """An address without user name, password or token."""
    return _LOGIN.sub(r"\1", address)


def listed(answer: bytes, folder: Path) -> list[Setting]:
    """What `git config --list --show-scope --show-origin -z` printed in a folder."""
    words = answer.decode(errors="surrogateescape").split("\0")
    found = []
    for scope, origin, setting in zip(words[0::3], words[1::3], words[2::3], strict=False):
        kind, _, place = origin.partition(":")
        name, is_set, value = setting.partition("\n")
        # a name without a value is git's way to say yes
        file = folder / place if kind == "file" else None
        found.append(Setting(scope=scope, file=file, name=name, value=value if is_set else "true"))
    return found


def given_by(variables: Mapping[str, str]) -> list[tuple[str, str]]:
    """The settings that an environment holds."""
    count = variables.get(_COUNT, "")
    numbers = range(int(count) if count.isdecimal() else 0)
    pairs = [(variables.get(f"{_KEY}{number}", ""), variables.get(f"{_VALUE}{number}", "")) for number in numbers]
    return [pair for pair in pairs if pair[0]]


def with_settings(variables: Mapping[str, str], pairs: Pairs) -> dict[str, str]:
    """The environment with just these settings."""
    changed = {name: value for name, value in variables.items() if not name.startswith((_COUNT, _KEY, _VALUE))}
    for number, (name, value) in enumerate(pairs):
        changed[f"{_KEY}{number}"], changed[f"{_VALUE}{number}"] = name, value
    if pairs:
        changed[_COUNT] = str(len(pairs))
    return changed
