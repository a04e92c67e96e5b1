"""The fingerprint: a hash of everything that training reads.

Equal fingerprints mean equal inputs, so a run with this fingerprint need not be made again. Whatever is not
known must therefore change the hash, never leave it equal.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Mapping

DATA = ("?*.dvc", "dvc.lock", "dvc.yaml")
"""DVC's files, with the hashes of the data. They count also where `inputs` does not name them, since who lists the code
that training reads seldom thinks of them; a glob with `!` takes them out."""
IGNORED = ("/.ml-ci.yml", "/.ml-ci.yaml", "/.github/**")
"""Never read by training: ml-ci's configuration (what it says of training is hashed by itself) and the workflows."""


def fingerprint(
    *,
    command: str,
    files: Mapping[str, str],
    inputs: tuple[str, ...],
    params: frozenset[str],
    data: Mapping[str, str],
    settings: str,
    python: str,
    packages: Mapping[str, str],
) -> str:
    """SHA-256 over the command, the contents of input files, the data, ml-ci's settings, and the libraries.

    `files` maps paths to the SHA of their content. `inputs` are the globs that choose among them, besides DVC's files and
    the parameter files `params`, which training reads in any case. `data` maps data whose content is not what its
    tracked `.dvc` file says to a hash of what it is. `settings` is a digest of what the configuration says about
    training. `packages` are the distributions that training can import, by version.
    """
    read = params | chosen(files, (*DATA, *inputs))
    document = {
        "command": command,
        "files": {path: sha for path, sha in files.items() if path in read},
        "data": dict(data),
        "settings": settings,
        "python": ".".join(python.split(".")[:2]),
        "packages": dict(packages),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def from_top(inputs: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """Globs that are relative to `folder`, as globs from the repository's top.

    The default, `**`, means the whole repository wherever training runs: it may import what is beside its folder.
    """
    if folder == "." or inputs == ("**",):
        return inputs
    return tuple(_from_top(glob, folder) for glob in inputs)


def _from_top(glob: str, folder: str) -> str:
    sign, glob = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
    # a name without a folder means a file of that name at any depth
    deep = "" if "/" in glob.rstrip("/") else "**/"
    return f"{sign}/{posixpath.normpath(f'{folder}/{deep}{glob}')}"


def chosen(paths: Iterable[str], inputs: tuple[str, ...]) -> frozenset[str]:
    """The tracked files that training may read: those that the globs match, as .gitignore's would, less `IGNORED`."""
    from pathspec import GitIgnoreSpec

    return frozenset(GitIgnoreSpec.from_lines([*inputs, *(f"!{path}" for path in IGNORED)]).match_files(paths))
