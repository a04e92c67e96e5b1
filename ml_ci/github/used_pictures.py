"""`pictures.json` on the data branch: which pictures the comment of each pull request shows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ml_ci.foreign_json import DAMAGED, parsed
from ml_ci.sources.record_store import Reader

USED = "pictures.json"

MOST_KEYS = 200
"""So many keys of one pull request are noted, those of its last jobs: the configuration that names keys is the pull request's."""

Names = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UsedPictures:
    """The pictures, by the SHA-256 of their content: of each pull request by its number, and there by key, the newest last.

    `complete` is False where a note was lost, so that pictures which it does not name may be in use all the same. Such
    pictures are `held` until all pull requests of `held_for` are closed: those that were open when this was noticed.
    """

    pulls: Mapping[int, Mapping[str, Names]] = field(default_factory=dict)
    held: Names = ()
    held_for: tuple[int, ...] = ()
    complete: bool = True

    def shown_by(self, pull: int, key: str, names: Collection[str]) -> UsedPictures:
        """The same, when the comment of this pull request and key shows just these."""
        keys = {other: found for other, found in self.pulls.get(pull, {}).items() if other != key}
        if names:
            keys[key] = tuple(sorted(set(names)))
        keys = dict(list(keys.items())[-MOST_KEYS:])
        others = {number: found for number, found in self.pulls.items() if number != pull}
        return replace(self, pulls={**others, pull: keys} if keys else others)

    def while_open(self, pulls: Collection[int]) -> UsedPictures:
        """What is left of it when only these pull requests are open."""
        waiting = tuple(number for number in self.held_for if number in pulls)
        return replace(
            self,
            pulls={number: keys for number, keys in self.pulls.items() if number in pulls},
            held=self.held if waiting else (),
            held_for=waiting,
        )

    def completed(self, pictures: Collection[str], pulls: Collection[int]) -> UsedPictures:
        """The same as a complete note: of all pictures that there are, those that nobody names are held."""
        waiting = tuple(sorted({*self.held_for, *pulls}))
        held = tuple(sorted({*self.held, *(set(pictures) - self.named)})) if waiting else ()
        return replace(self, held=held, held_for=waiting, complete=True)

    @property
    def named(self) -> set[str]:
        """All pictures that it names."""
        shown = {name for keys in self.pulls.values() for names in keys.values() for name in names}
        return shown | set(self.held)


def read_used(read: Reader) -> UsedPictures:
    """The note on the branch, which is there from the first. One that is lost or damaged begins anew, and is not complete."""
    text = read(USED)
    try:
        found = parsed(text or b"")
        return UsedPictures(
            pulls={
                int(number): {str(key): _names(names) for key, names in keys.items()}
                for number, keys in found["pulls"].items()
            },
            held=_names(found["held"]["pictures"]),
            held_for=tuple(int(number) for number in found["held"]["pulls"]),
            complete=found["complete"] is True,
        )
    except DAMAGED:
        return UsedPictures(complete=False)


def write_used(used: UsedPictures) -> bytes:
    """The note as JSON."""
    document = {
        "complete": used.complete,
        "held": {"pictures": used.held, "pulls": used.held_for},
        "pulls": {str(number): dict(keys) for number, keys in sorted(used.pulls.items())},
    }
    return json.dumps(document, indent=0).encode()


def _names(found: object) -> Names:
    if not isinstance(found, list):
        raise TypeError
    return tuple(str(name) for name in found)
