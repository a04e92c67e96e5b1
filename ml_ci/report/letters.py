"""Foreign text for a terminal: each character seen as itself, and in letters that the terminal has."""

from __future__ import annotations

from ml_ci.report import escape

_ASCII = str.maketrans(
    {
        "→": "->",
        "−": "-",
        "▲": "^",
        "▼": "v",
        "Δ": "delta",
        "≥": ">=",
        "≤": "<=",
        "—": "-",
        "…": "...",
        "·": "-",
        "\u00a0": " ",
    }
    | {"✅": "[ok]", "❌": "[x]", "❔": "[?]", "⚠": "[!]", "\ufe0f": "", "×": "x", "⏎": " ", "✓": "ok"}
    | {"⟨": "<", "⟩": ">"}
)


def has_all(encoding: str) -> bool:
    """Whether a terminal of this encoding has every letter."""
    return encoding.lower().startswith("utf")


def letters(text: str, encoding: str) -> str:
    """The text, visible and on one line, in what this encoding has: `->` for an arrow where there is none."""
    shown = escape.visible(text)
    if has_all(encoding):
        return shown
    return shown.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
