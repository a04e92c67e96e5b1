"""All readers that are fuzzed."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from tests.fuzz import dvc_targets, github_targets, publish_targets, training_targets, words_targets
from tests.fuzz.target import Target


@cache
def all_targets() -> dict[str, Target]:
    """The targets by name, in the order in which they are shown."""
    with tempfile.TemporaryDirectory() as folder:
        found = (
            *words_targets.TARGETS,
            *training_targets.targets(Path(folder)),
            *github_targets.targets(),
            *publish_targets.targets(),
            *dvc_targets.TARGETS,
        )
    return {target.name: target for target in found}
