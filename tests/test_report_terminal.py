"""The terminal: the same words, in colour where there is one, in letters that it has."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from ml_ci.report.terminal import print_result
from ml_ci.result import Result, TestSetUse
from tests.command import COMMAND
from tests.render.samples import HOSTILE, samples
from tests.repository import clean_variables
from tests.runs import BASE, decided, failed, judged, part, result, rule, run

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


def test_metrics_are_other_ones_only_beside_those_of_a_gate() -> None:
    base, head = run(BASE, f1=0.5, loss=0.1), run(f1=0.6, loss=0.2)
    assert "Other metrics" not in printed(result(base, head))
    assert "Other metrics" in printed(result(base, head, rule("f1", min=0.5)))


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


def test_how_worn_the_test_set_is_and_the_command_that_plans_another_are_there_to_copy() -> None:
    use = TestSetUse(digest="e" * 64, verdicts=7, examples=10_000, supported=12)
    found = decided(WORSE, "pass", judged("accuracy", 0.9, 0.91, "pass", (0.001, 0.02)), test_set=use)
    text = printed(found)
    assert "In the worst case, where each change is made with the last verdict in mind, its 10,000 examples" in text
    assert "\nHow many examples it takes: ml-ci plan 'n - o > 0 +/- 0.005'\n" in text


# --- how wide it is


def lines(found: Result, width: int, encoding: str = "utf-8") -> list[str]:
    """What is printed in a terminal of this many columns."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_result(found, Console(file=file, width=width))
    file.seek(0)
    return file.read().split("\n")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
@pytest.mark.parametrize("kind", ["pass", "fail", "hostile", "300-metrics", "sure-fail", "training-failed"])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, kind: str, width: int) -> None:
    assert max(cell_len(line) for line in lines(samples(tmp_path)[kind], width)) <= width


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_however_narrow_it_is_no_name_number_or_outcome_is_cut(width: int) -> None:
    unsure = judged("validation_accuracy", 0.9512, 0.9482, "inconclusive", (-0.0121, 0.0063))
    text = "\n".join(lines(decided(WORSE, "inconclusive", unsure), width))
    for whole in ("0.9512", "0.9482", "▼\u00a0−0.003", "[−0.0121,\u00a0+0.0063]", "❔ inconclusive"):
        assert whole in text
    assert "validation_accuracy" in re.sub(r"\s", "", text)
    assert "at most 0.005 lower" in re.sub(r"\s+", " ", text) or width >= 80


@pytest.mark.parametrize("name", ["x" * 10_000, "精度" * 5_000, "👩‍🔬" * 1_000, "a " * 5_000, HOSTILE * 50])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_name_of_10000_characters_takes_a_few_lines_and_no_more_columns(name: str, width: int) -> None:
    base, head = run(BASE, metrics={name: 0.9}, params={name: name}), run(metrics={name: 0.5}, params={name: "1"})
    found = decided(
        result(base, head, rule(name, regression=0.1), code=(name,)),
        "fail",
        judged(name, 0.9, 0.5, "fail", (-0.5, -0.3), notes=["Something."], said="is worse."),
        slices=[part(name, 100, 0.9, 0.5, "fail", worse=True, metric=name, column=name)],
    )
    shown = lines(found, width)
    assert max(cell_len(line) for line in shown) <= width
    assert len(shown) < 300


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp1252", "cp437"])
def test_in_letters_that_the_terminal_has_every_result_can_be_printed(tmp_path: Path, encoding: str) -> None:
    for found in samples(tmp_path).values():
        assert "\n".join(lines(found, 80, encoding))


# --- a real terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")
MOVES = re.compile(r"\x1b\[[0-9;]*[A-HJKSTf]|\x1b\[\?25[lh]")
STEPS = """
import time
from ml_ci.terminal import TerminalProgress
progress = TerminalProgress(quiet=False)
with progress.step("Training [bold]base[/bold] \\u2026"):
    progress.line("epoch 1 [red]x[/red]")
    progress.amount("dvc pull", 34_000_000, 100_000_000)
    time.sleep(0.3)
"""


def variables(**changed: str) -> dict[str, str]:
    """A person's, without what this test's own terminal says."""
    ours = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"}
    kept = {name: value for name, value in clean_variables().items() if name not in ours}
    return {
        **kept,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    } | changed


def in_terminal(command: list[str], columns: int = 80, **changed: str) -> str:
    """What a command writes to a terminal that is its standard output and its standard error."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=variables(**changed)) as process:
        os.close(its)
        written = b""
        while True:
            try:
                read = os.read(ours, 65536)
            except OSError:  # its last end was closed
                break
            if not read:
                break
            written += read
    os.close(ours)
    assert process.returncode in (0, 1), written
    return written.decode().replace("\r\n", "\n")


def in_pipe(command: list[str], **changed: str) -> str:
    """What it writes to a file."""
    done = subprocess.run(command, env=variables(**changed), capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return (done.stdout + done.stderr).decode()


@pytest.fixture
def compare(tmp_path: Path) -> list[str]:
    """`ml-ci compare` of two files, the second of which is worse."""
    (tmp_path / "base.json").write_text(json.dumps({"accuracy": 0.95, "f1": 0.5}))
    (tmp_path / "head.json").write_text(json.dumps({"accuracy": 0.80, "f1": 0.6}))
    (tmp_path / "ci.yml").write_text("gate:\n  accuracy: {direction: higher, max-regression: 0.01}\n")
    files = [str(tmp_path / name) for name in ("base.json", "head.json")]
    options = ["--config", str(tmp_path / "ci.yml"), "--out", str(tmp_path / "out")]
    return [*COMMAND, "compare", *files, *options]


def test_a_terminal_gets_colours_and_is_filled_to_its_width(compare: list[str]) -> None:
    text = in_terminal(compare, columns=60)
    assert "\x1b[1;31mFail\x1b[0m" in text
    assert 40 < max(cell_len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in text.split("\n")[:8]) <= 60


def test_no_color_takes_every_colour_away_unless_it_is_empty(compare: list[str]) -> None:
    without = in_terminal(compare, NO_COLOR="1")
    assert "Fail" in without
    assert not COLOUR.search(without)
    assert COLOUR.search(in_terminal(compare, NO_COLOR=""))
    assert not COLOUR.search(in_terminal([sys.executable, "-c", STEPS], NO_COLOR="1"))


def test_a_dumb_terminal_gets_letters_only(compare: list[str]) -> None:
    for command, said in ((compare, "Fail: accuracy"), ([sys.executable, "-c", STEPS], "Training")):
        text = in_terminal(command, TERM="dumb")
        assert said in text
        assert "\x1b" not in text


def test_a_file_gets_letters_only_and_colours_where_they_are_forced(compare: list[str]) -> None:
    text = in_pipe(compare)
    assert "Fail: accuracy" in text
    assert "\x1b" not in text
    assert COLOUR.search(in_pipe(compare, FORCE_COLOR="1"))


def test_an_encoding_without_the_letters_is_no_reason_to_fail(compare: list[str]) -> None:
    text = in_pipe(compare, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert text.startswith("[x] Fail: accuracy fell by 0.15 (0.95 -> 0.8")
    assert "\\u" not in text


def test_a_step_shows_that_it_goes_on_and_then_how_long_it_took() -> None:
    text = in_terminal([sys.executable, "-c", STEPS])
    assert MOVES.search(text)
    assert "34 of 100 MB" in text
    assert re.search(r"✓.* Training \[bold\]base\[/bold\] ….* 0\.\d s", text)
    assert "  epoch 1 [red]x[/red]" in text


@pytest.mark.parametrize("forced", ["", "1"])
def test_in_a_file_nothing_moves_also_where_colours_are_forced(forced: str) -> None:
    text = in_pipe([sys.executable, "-c", STEPS], FORCE_COLOR=forced)
    assert not MOVES.search(text)
    assert [line for line in text.split("\n") if "Training" in line or "epoch" in line] == text.strip("\n").split("\n")


def test_steps_are_told_in_ascii_where_there_is_no_more() -> None:
    text = in_pipe([sys.executable, "-c", STEPS], PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert re.search(r"(?m)^ok Training \[bold\]base\[/bold\] \.\.\. 0\.\d s$", text)
