"""Why `dvc pull` did not bring what it was to bring, in words, and what to do about it."""

from __future__ import annotations

import re

from ml_ci.sources.process import last_words

_REMOTE = "check the remote and its credentials, or run `dvc push` where the data is"
_LOCK = "wait for the other DVC, or end it; where there is none, delete .dvc/tmp/lock and .dvc/tmp/rwlock"
_DISK = "free some space, or give the job a larger disk, and run it again"

_KNOWN = (
    (
        r"Unable to acquire lock|is busy, it is being blocked by|is blocked by",
        "another DVC holds the repository's lock",
        _LOCK,
    ),
    (r"No space left on device|Disk quota exceeded|File too large", "the disk is full", _DISK),
    # of most remotes DVC takes any failure for a file that is not there
    (
        r"neither locally nor on remote|Is your cache up to date\?",
        "it found it neither here nor at the remote, which may be down, refuse the login, or not have it",
        _REMOTE,
    ),
)


def why_not_brought(said: bytes) -> tuple[str, str]:
    """Of what DVC printed on standard error: why, as a part of a sentence, and what to do, as its end."""
    text = said.decode(errors="replace")
    for pattern, why, remedy in _KNOWN:
        if re.search(pattern, text):
            return why, remedy
    return last_words(
        said.replace(b"Having any troubles? Hit us up at https://dvc.org/support, we are always happy to help!", b"")
    ), _REMOTE
