"""What a job tells the runner.

The runner reads the log line by line; `commands` below reads it as `ActionCommandManager` in github.com/actions/runner
does: a line whose first characters are `::`, `%25`, `%0D`, `%0A` (and `%3A`, `%2C` in properties) turned back, and
everything ignored between `::stop-commands::WORD` and `::WORD::`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ml_ci.errors import OutsideError
from ml_ci.github.workflow import (
    Annotations,
    annotation,
    append_summary,
    commands_stopped,
    group,
    mask,
    write_outputs,
)


class Log:
    """A step's log, which is written in pieces."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def commands(log: str) -> list[tuple[str, dict[str, str], str]]:
    """The commands that the runner finds: name, properties, data."""
    found: list[tuple[str, dict[str, str], str]] = []
    resume: str | None = None
    for line in log.split("\n"):
        match = re.fullmatch(r"\s*::([^ :]+)(?: ([^:]*))?::(.*)", line)
        if not match:
            continue
        name, properties, data = match[1], match[2] or "", match[3]
        if resume is not None:
            resume = None if name == resume else resume
        elif name == "stop-commands":
            resume = data
        else:
            pairs = (pair.split("=", 1) for pair in properties.split(",") if pair)
            found.append((name, {key: unescape(value) for key, value in pairs}, unescape(data)))
    return found


def unescape(text: str) -> str:
    for escaped, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, character)
    return text


def test_an_annotation_says_what_it_was_given() -> None:
    text = annotation("error", "100% wrong:\r\nsee ::here::", title="a, b: c", file="src/a,b.py", line=3)
    assert text.count("\n") == 1
    assert commands(text) == [
        ("error", {"title": "a, b: c", "file": "src/a,b.py", "line": "3"}, "100% wrong:\r\nsee ::here::")
    ]


def test_an_annotation_needs_no_more_than_a_message() -> None:
    assert annotation("notice", "done") == "::notice::done\n"


@pytest.mark.parametrize("message", ["é" * 5000, "%" * 5000, "a" + "\n" * 5000, "x" * 4095 + "%" + "x" * 99])
def test_a_long_message_is_cut_and_no_escape_is_broken(message: str) -> None:
    data = annotation("error", message).removeprefix("::error::").removesuffix("\n")
    assert 4088 <= len(data.encode()) <= 4096
    assert data.endswith("…")
    assert message.startswith(unescape(data.removesuffix("…")))
    assert re.sub(r"%(25|0D|0A)", "", data).count("%") == 0


def test_a_message_of_exactly_4096_bytes_is_whole() -> None:
    assert annotation("error", "x" * 4096) == f"::error::{'x' * 4096}\n"


def test_ten_annotations_of_a_level_are_shown_and_the_others_are_lines() -> None:
    log = Log()
    annotations = Annotations(log.write)
    for number in range(12):
        annotations.add("warning", f"::error::w{number}")
    annotations.add("error", "e")
    assert [name for name, _, _ in commands(log.text)] == ["warning"] * 10 + ["error"]
    assert "warning: ::error::w10\nwarning: ::error::w11\n" in log.text


def test_what_training_prints_is_never_a_command() -> None:
    log = Log()
    with commands_stopped(log.write):
        log.write("::set-output name=verdict::pass\n::error::no\n::stop-commands::mine\n::mine::\n::add-mask::a")
    log.write(annotation("notice", "after"))
    assert commands(log.text) == [("notice", {}, "after")]


def test_commands_work_again_after_a_training_that_failed() -> None:
    log = Log()
    with pytest.raises(RuntimeError), commands_stopped(log.write):
        raise RuntimeError
    log.write(annotation("error", "failed"))
    assert commands(log.text) == [("error", {}, "failed")]


def test_the_word_that_ends_it_cannot_be_guessed() -> None:
    first, second = Log(), Log()
    for log in (first, second):
        with commands_stopped(log.write):
            log.write("training\n")
    assert first.text != second.text
    assert re.match(r"::stop-commands::[0-9a-f]{32}\n", first.text)


def test_a_group_is_closed_even_if_its_last_line_was_not() -> None:
    log = Log()
    with group(log.write, "Training\n::error::x"):
        log.write("epoch 1")
    assert commands(log.text) == [("group", {}, "Training\n::error::x"), ("endgroup", {}, "")]


def test_each_line_of_a_secret_is_masked() -> None:
    log = Log()
    mask(log.write, "first 50%\n\nsecond\n")
    assert commands(log.text) == [("add-mask", {}, "first 50%"), ("add-mask", {}, "second")]


def test_outputs_come_back_as_they_were_set(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_text("before=1\n")
    outputs = {"verdict": "pass", "report": "a\nverdict=fail\nEOF\n", "empty": "", "equals": "a=b<<c"}
    write_outputs(path, outputs)
    assert read_outputs(path) == {"before": "1", **outputs}


def read_outputs(path: Path) -> dict[str, str]:
    """As the runner's file commands do: a `<<` before any `=` begins a value that ends at the delimiter's line."""
    values: dict[str, str] = {}
    lines = iter(path.read_text(encoding="utf-8").split("\n")[:-1])
    for line in lines:
        name, equals, value = line.partition("=")
        if "<<" in name or not equals:
            name, _, delimiter = line.partition("<<")
            collected: list[str] = []
            while (following := next(lines)) != delimiter:
                collected.append(following)
            value = "\n".join(collected)
        values[name] = value
    return values


def test_the_summary_is_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("# Earlier\n")
    append_summary(path, "# Ours")
    assert path.read_text() == "# Earlier\n# Ours\n"


def test_a_summary_over_one_mebibyte_is_cut_at_a_whole_line_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("x" * 1000 + "\n")
    append_summary(path, "| é | 1 |\n" * 200_000)
    assert 1024 * 1024 - 100 < path.stat().st_size <= 1024 * 1024
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert set(lines[1:-2]) == {"| é | 1 |"}
    assert lines[-1].startswith("*The rest is left out")


def test_code_that_the_cut_leaves_open_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    append_summary(path, "```text\n" + "log\n" * 500_000 + "```\n")
    assert path.read_text().count("```") == 2


def test_a_summary_that_is_full_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("x" * (1024 * 1024))
    append_summary(path, "more\n")
    assert path.stat().st_size == 1024 * 1024


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such" / "folder"
    with pytest.raises(OutsideError, match="GITHUB_STEP_SUMMARY"):
        append_summary(missing, "text")
    with pytest.raises(OutsideError, match="GITHUB_OUTPUT"):
        write_outputs(missing, {"verdict": "pass"})


def test_no_character_of_an_annotation_hides_or_turns_the_text_around() -> None:
    written: list[str] = []
    Annotations(written.append).add("error", "accuracy\u202e is worse\nsecond line")
    assert written == ["::error::accuracy⟨U+202E⟩ is worse%0Asecond line\n"]
