"""What GitHub makes of plain text outside of code, by its documentation: links to people, issues, commits, and the rest.

docs.github.com: "Autolinked references and URLs", "Basic writing and formatting syntax" (mentions, emoji), "Linking a pull
request to an issue" (closing keywords), "Writing mathematical expressions". Where a rule asks for more than the text (that
the user, the issue or the commit exists), it is taken to be so.
"""

from __future__ import annotations

import re

from tests.render.tree import Node

_RULES = {
    "mention": r"@[A-Za-z0-9]",
    "issue": r"#\d|\bGH-\d",
    "closes an issue": r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:#\d|[\w.-]+/[\w.-]+#\d|https?:)",
    "commit": r"(?<![\w.−-])[0-9a-f]{7,40}(?![\w.])",
    "address": r"\w://|\bwww\.|\bmailto:|\bxmpp:",
    "emoji": r":[a-z0-9_+-]+:",
    "mathematics": r"\$",
    "right to left": r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]",
    "not seen": r"[\u200b-\u200d\u2060\ufeff\u0000-\u0008]",
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _RULES.items()}


def acted_on(tree: Node) -> list[str]:
    """What GitHub would act on in a comment: the kind, and the text around it; links of the comment itself do not count."""
    text = tree.text_without("code", "pre", "a")
    found = ((name, pattern.search(text)) for name, pattern in _PATTERNS.items())
    return [f"{name}: {text[max(match.start() - 20, 0) : match.end() + 20]!r}" for name, match in found if match]
