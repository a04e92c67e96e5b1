"""Foreign bytes: all that fuzzing has ever found, and a few new ones with each run of the tests. `make fuzz` tries more."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from ml_ci.errors import ConfigError
from tests.fuzz.engine import CORPUS, Tally, by_hypothesis, by_mutation, fuzz, keep, kept_inputs, replayed
from tests.fuzz.inputs import mutated
from tests.fuzz.target import Target, tried
from tests.fuzz.targets import all_targets

NAMES = list(all_targets())


@pytest.mark.parametrize("name", NAMES)
def test_what_was_found_once_is_read_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    target = all_targets()[name]
    assert replayed(target, kept_inputs(target), tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_new_inputs_are_read_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    target, tally = all_targets()[name], Tally(name)
    by_hypothesis(target, 60, 0, tmp_path, tally)
    by_mutation(target, 120, 0, tmp_path, tally)
    assert tally.inputs == 180
    assert {cause: found.content for cause, found in tally.findings.items()} == {}


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_what_they_are_to_be_examples_of(name: str, tmp_path: Path) -> None:
    target = all_targets()[name]
    for example in target.examples:
        target.read(example, tmp_path)


def test_the_corpus_has_nothing_that_is_not_tried() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= set(NAMES)


# -- the tool itself


def a_target(read: object) -> Target:
    """One that reads with `read`."""
    assert callable(read)
    return Target(
        name="planted", read=lambda content, _: read(content), examples=(b"one two three",), words=("BUG", "x")
    )


def stumbles(content: bytes) -> None:
    if b"BUG" in content:
        raise IndexError(content)


def test_a_planted_mistake_is_found_made_small_and_kept(tmp_path: Path) -> None:
    tally = fuzz(a_target(stumbles), 400, 1, tmp_path)
    assert tally.inputs == 400
    (found,) = tally.findings.values()
    assert found.content == b"BUG"
    assert found.cause.startswith("IndexError at test_fuzz.py:")
    (path,) = keep(tally, tmp_path / "corpus")
    assert path.read_bytes() == b"BUG"
    assert replayed(a_target(stumbles), [path], tmp_path) == [f"{path.name}: {found.cause}"]


def test_the_same_seed_gives_the_same_inputs_and_another_gives_others(tmp_path: Path) -> None:
    target = a_target(lambda _: None)
    one, same, other = (fuzz(target, 200, seed, tmp_path).digests for seed in (1, 1, 1000))
    assert one == same
    assert one != other
    assert mutated(target, random.Random(3)) == mutated(target, random.Random(3))


def spins(_: bytes) -> None:
    end = time.process_time() + 30
    try:
        while time.process_time() < end:
            pass
    except Exception as error:
        raise AssertionError from error


def test_an_input_that_takes_too_long_is_ended_and_is_a_finding(tmp_path: Path) -> None:
    begin = time.process_time()
    found = tried(a_target(spins), b"", tmp_path, seconds=0.2)
    assert found is not None
    assert "TooSlowError" in found.cause
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("said", "is_finding"), [("x.yml:1: wrong.", False), ("", True), ("two\nlines", True), ("a" * 9999, True)]
)
def test_an_error_without_a_sentence_is_a_finding(tmp_path: Path, said: str, is_finding: bool) -> None:
    def refuses(_: bytes) -> None:
        raise ConfigError(said)

    assert (tried(a_target(refuses), b"", tmp_path) is not None) == is_finding
