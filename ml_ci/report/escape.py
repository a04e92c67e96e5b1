"""Foreign text made safe for GitHub's Markdown: whatever it holds, readers see that text and nothing else happens.

Metric names, parameters, paths, messages and logs come from the repository or from training, so on a pull request from
anybody. GitHub turns parts of plain text into things: links, mentions that notify people, references to issues and
commits, emoji, mathematics. A backslash stops none of these, inline code stops all of them. So a name is shown as inline
code, and a sentence as text in which just the words that GitHub could turn into something are inline code.
"""

from __future__ import annotations

import re
import unicodedata

_NAMED = {"\n": "⏎", "\r": "", "\t": " "}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are not seen as themselves: control, format (all bidirectional overrides), surrogates, …"""

_ACTIVE = re.compile(
    r"""
      @                              # mentions, mail addresses, user@sha
    | \#\w | \bGH-\d                 # issues and pull requests
    | :// | www\. | mailto: | xmpp:  # links
    | :[\w+-]+:                      # emoji
    | \$                             # mathematics
    | \b[0-9a-f]{7,40}\b             # commits
    | \b[A-Z][A-Z0-9]*-\d            # the repository's own references, as TICKET-12
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARKUP = re.compile(r"[\\`*_\[\]<>|~&#{}]")
_LEFTWARD = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
"""Letters that are read from right to left. Numbers after one are read that way, too: `0.9 → 0.8` is seen as `0.8 → 0.9`."""
_TURNING = re.compile(rf"[{_LEFTWARD}][\W\d_]*$")
_TURNED = re.compile(rf"[{_LEFTWARD}](?=[\W_]*(?:\d|$))")
_LEFT = re.compile(rf"[\W_]*[{_LEFTWARD}]")
_MARK = "\u200e"
"""Unicode's left-to-right mark: what comes after it is read from left to right."""
_BLOCK_START = re.compile(r"^(?:[-+](?=\s|$)|[-=]+$|\d+[.)](?=\s|$))")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")


ATTRIBUTE = 600
"""Characters of an attribute's value at most: about what is read aloud in a minute."""


class Markdown(str):
    """Text that is Markdown already: it is the only kind that a template takes as it is."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text on one line, with every character that would not be seen written as its code point: `U+202E`."""
    if text.isprintable():  # most are, and there may be ten thousand of them
        return text
    return "".join(_NAMED.get(char) or _shown(char) if _is_hidden(char) else char for char in text)


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of the text; what was cut is marked with `…`."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clip_pair(before: str, after: str, limit: int) -> tuple[str, str]:
    """Both texts clipped to `limit` such that the place where they begin to differ can still be seen."""
    common = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    if common < limit // 2 or max(len(before), len(after)) <= limit:
        return clip(before, limit), clip(after, limit)
    start = common - limit // 4
    return clip("…" + before[start:], limit), clip("…" + after[start:], limit)


def code(text: str, limit: int = 120) -> Markdown:
    """The text as inline code."""
    shown = _clipped(text, limit)
    if not shown:
        return Markdown("*(empty)*")
    fence = "`" * (_longest_run("`", shown) + 1)
    # without these spaces a backtick would join the fence, and CommonMark would eat the text's own spaces
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    if shown.strip() == "":
        pad = ""
    return Markdown(f"{fence}{pad}{shown}{pad}{fence}{_mark_after(shown)}")


def cell(text: Markdown) -> Markdown:
    """The Markdown as a table's cell: GitHub splits a row at every bare `|`, also in inline code."""
    return Markdown(text.replace("|", "\\|"))


def prose(text: str, limit: int = 600) -> Markdown:
    """A sentence: words that GitHub would act on become inline code."""
    words = _clipped(text, limit).split(" ")
    safe = " ".join(
        _inert(word)
        if _ACTIVE.search(word)
        else _MARKUP.sub(r"\\\g<0>", word) + (_mark_after(word) if not _LEFT.match(following) else "")
        for word, following in zip(words, [*words[1:], ""], strict=True)
    )
    return Markdown(_BLOCK_START.sub(lambda start: start[0][:-1] + "\\" + start[0][-1], safe))


def fence(text: str, limit: int = 8000, lines: int = 40, language: str = "text") -> Markdown:
    """The end of a log as a code block that nothing in it can close: at most `lines` lines and `limit` characters."""
    shown = lines_of(text, limit, lines)
    ticks = "`" * max(3, _longest_run("`", shown) + 1)
    return Markdown(f"{ticks}{language}\n{shown}\n{ticks}")


def lines_of(text: str, limit: int = 8000, lines: int = 40) -> str:
    """The end of a log, without colours, and every line visible; not escaped for anything."""
    shown = "\n".join(visible(_last_state(line)) for line in _ANSI.sub("", text).rstrip().split("\n")[-lines:])
    return shown if len(shown) <= limit else "…" + shown[-limit:]


def attribute(text: str, limit: int = ATTRIBUTE) -> Markdown:
    """The text as the value of an HTML attribute, between double quotes."""
    import html

    return Markdown(html.escape(_clipped(text, limit), quote=True).replace("`", "&#96;").replace("|", "&#124;"))


def _clipped(text: str, limit: int) -> str:
    """Visible, then clipped. What is far beyond the limit is not looked at: only a carriage return makes a text shorter."""
    return clip(visible(text[: 2 * limit]), limit)


def onward(text: str) -> str:
    """The text such that numbers in it and after it are read from left to right, whatever letters are before them."""
    return text if text.isascii() else _TURNED.sub(rf"\g<0>{_MARK}", text)


def _mark_after(text: str) -> str:
    return _MARK if not text.isascii() and _TURNING.search(text) else ""


def _inert(word: str) -> str:
    """The word as inline code, the sentence's punctuation after it not."""
    core = word.rstrip(",;.")
    return code(core, len(word)) + word[len(core) :]


def _last_state(line: str) -> str:
    """What a terminal would show of a progress bar that rewrites its line: the last writing of it."""
    return line.rstrip("\r").rsplit("\r", 1)[-1]


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN


def _shown(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    return f"⟨U+{ord(char):04X}⟩"


def _longest_run(char: str, text: str) -> int:
    return max((len(run) for run in re.findall(re.escape(char) + "+", text)), default=0)
