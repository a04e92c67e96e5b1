"""One reader of foreign bytes, and what is asked of it: documented errors only, in bounded time."""

from __future__ import annotations

import signal
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from traceback import walk_tb
from types import FrameType

from ml_ci.errors import MlCiError

SECONDS = 2.0
"""Of processor time for one input: what other programs do on the machine is no fault of the input."""
LONGEST_SENTENCE = 3000
"""Characters of an error's sentence: a comment has no room for more, and nobody reads them."""

Read = Callable[[bytes, Path], object]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader of foreign bytes.

    `read` gets the bytes and an empty-handed folder to write files into; it raises AssertionError where what it read
    does not come back as it was (round trip), and one of `documented` where the bytes are not what they should be.
    `examples` are well-formed inputs, `words` what such inputs are made of. `kind` is the language that documents are
    made up in.
    """

    name: str
    read: Read
    examples: tuple[bytes, ...]
    words: tuple[str, ...] = ()
    kind: str = "text"
    documented: tuple[type[Exception], ...] = field(default=(MlCiError,))


class TooSlowError(BaseException):
    """An input took too long; no `except Exception` of the code under test may catch that."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What went wrong: `cause` is the same for all inputs that stumble over the same line."""

    cause: str
    content: bytes


def tried(target: Target, content: bytes, folder: Path, seconds: float = SECONDS) -> Finding | None:
    """Have the target read the content; what went wrong, None if nothing did."""
    try:
        with at_most(seconds):
            target.read(content, folder)
    except target.documented as error:
        return _sentence(error, content)
    except (Exception, TooSlowError) as error:  # noqa: BLE001 - whatever is not documented is what is looked for
        return Finding(cause=_cause(error), content=content)
    return None


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in the block when it has taken so many seconds of processor time."""

    def late(_: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {seconds:g} s in {frame.f_code.co_qualname if frame else 'no frame'}")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _sentence(error: Exception, content: bytes) -> Finding | None:
    """An error is for people: one line of printable text, of a length that can be read."""
    said = str(error)
    if not said or not is_seen(said) or len(said) > LONGEST_SENTENCE:
        place = _place(error)
        return Finding(cause=f"no sentence, {type(error).__name__} at {place}", content=content)
    return None


def check_sentence(error: Exception) -> None:
    """Raise AssertionError where an error is not one line that people can read."""
    assert _sentence(error, b"") is None, str(error)


def is_seen(text: str) -> bool:
    """Whether every character is seen as itself; so are spaces of all kinds, and no ends of lines."""
    return all(letter.isprintable() or unicodedata.category(letter) == "Zs" for letter in text)


def _cause(error: BaseException) -> str:
    kind = type(error).__name__
    return kind if isinstance(error, TooSlowError) else f"{kind} at {_place(error)}"


def _place(error: BaseException) -> str:
    """The innermost line of ml-ci's, or of the target's if none of ml-ci's was reached."""
    frames = [(Path(frame.f_code.co_filename), number) for frame, number in walk_tb(error.__traceback__)]
    own = [(path, number) for path, number in frames if "ml_ci" in path.parts] or frames
    path, number = own[-1] if own else (Path("nowhere"), 0)
    return f"{path.name}:{number}"
