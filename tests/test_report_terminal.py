"""The terminal: the same words, in colour where there is one, in letters that it has."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ml_ci.report.terminal import print_result
from ml_ci.result import Result
from tests.runs import BASE, failed, result, rule, run

WORSE = result(run(BASE, accuracy=0.95, f1=0.5), run(accuracy=0.93, f1=0.6), rule("accuracy", regression=0.005))


def printed(found: Result, *, terminal: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    print_result(
        found, Console(file=file, width=120, force_terminal=terminal, color_system="standard" if terminal else None)
    )
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_verdict_comes_first_and_the_numbers_follow() -> None:
    text = printed(WORSE)
    assert text.startswith("❌ Fail: accuracy fell by 0.02 (0.95 → 0.93); allowed is at most 0.005.\n")
    assert "▼ −0.02 (−2.11 %) worse" in text.replace("\u00a0", " ")
    assert "f1" in text


def test_what_is_not_a_terminal_gets_no_colour() -> None:
    assert "\x1b" not in printed(WORSE)
    assert "\x1b[1;31mFail" in printed(WORSE, terminal=True)


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in printed(WORSE, terminal=True)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = printed(WORSE, encoding="ascii")
    assert text.startswith("[x] Fail: accuracy fell by 0.02 (0.95 -> 0.93)")


def test_foreign_text_is_neither_markup_nor_an_escape_sequence() -> None:
    found = result(None, run(metrics={"[red]x[/red]\x1b[2J": 1.0}), warnings=["[link=http://x]y[/link] \x1b]0;z\x07"])
    text = printed(found, terminal=True)
    assert "[red]x[/red]⟨U+001B⟩[2J" in text
    assert "\x1b[2J" not in text
    assert "\x1b]0;" not in text


def test_a_failed_training_shows_the_end_of_its_log() -> None:
    assert "ValueError: bad" in printed(failed("Training failed.", "epoch 1\nValueError: bad"))


def test_nothing_to_compare_with_is_said() -> None:
    assert "Nothing was compared. Base: nobody recorded it" in printed(
        result(None, run(accuracy=0.9), rule("accuracy", regression=0.1), why="nobody recorded it")
    )
