"""Make `openapi.json`: GitHub's own description of its API, cut down to what the test server serves.

The source is the npm package `@octokit/openapi` (MIT), file `generated/api.github.com.json`:

    npm pack @octokit/openapi && tar xf octokit-openapi-*.tgz
    python -m tests.github_server.trim_openapi package/generated/api.github.com.json

Kept: the operations below and every component that they reach. Dropped: prose and examples. Nothing else is changed.
"""

import argparse
import json
from pathlib import Path
from typing import TypeAlias, cast

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

TRIMMED = Path(__file__).with_name("openapi.json")
ORIGIN = "npm package @octokit/openapi, trimmed by tests/github_server/trim_openapi.py"
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
OPERATIONS = frozenset(
    {
        "actions/download-artifact",
        "actions/get-workflow-run",
        "actions/list-workflow-run-artifacts",
        "checks/create",
        "checks/get",
        "checks/list-annotations",
        "checks/list-for-ref",
        "checks/update",
        "git/create-blob",
        "git/create-commit",
        "git/create-ref",
        "git/create-tree",
        "git/delete-ref",
        "git/get-blob",
        "git/get-commit",
        "git/get-ref",
        "git/get-tree",
        "git/list-matching-refs",
        "git/update-ref",
        "issues/add-labels",
        "issues/create-comment",
        "issues/delete-comment",
        "issues/get",
        "issues/get-comment",
        "issues/list-comments",
        "issues/list-comments-for-repo",
        "issues/list-events",
        "issues/list-labels-on-issue",
        "issues/remove-all-labels",
        "issues/remove-label",
        "issues/set-labels",
        "issues/update-comment",
        "pulls/get",
        "pulls/list",
        "pulls/list-commits",
        "pulls/list-files",
        "rate-limit/get",
        "repos/compare-commits-with-basehead",
        "repos/create-commit-status",
        "repos/get",
        "repos/get-branch",
        "repos/get-collaborator-permission-level",
        "repos/get-combined-status-for-ref",
        "repos/get-commit",
        "repos/get-content",
        "repos/list-activities",
        "repos/list-branches",
        "repos/list-commit-statuses-for-ref",
        "repos/list-commits",
        "repos/list-pull-requests-associated-with-commit",
        "users/get-authenticated",
    }
)

# Under these keys the keys are names that somebody chose ("description" may be a property), not OpenAPI's words.
_NAMED = frozenset({"properties", "patternProperties", "responses", "content"})
_VERBATIM = frozenset({"enum", "required", "default", "const"})
_DROPPED = frozenset({"description", "example", "examples", "title", "summary", "headers", "deprecated"})


def trim(source: dict[str, Json], licence: str) -> dict[str, Json]:
    """The part of an OpenAPI document that `OPERATIONS` reach, with the text of its licence.

    Raises:
        KeyError: an operation of `OPERATIONS` is not in the document.
    """
    paths: dict[str, Json] = {}
    missing = set(OPERATIONS)
    for path, item in _mapping(source["paths"]).items():
        kept = {
            method: _without_prose(operation)
            for method, operation in _mapping(item).items()
            if method in METHODS and _mapping(operation)["operationId"] in OPERATIONS
        }
        if kept:
            paths[path] = cast("Json", kept)
            missing -= {cast("str", _mapping(operation)["operationId"]) for operation in kept.values()}
    if missing:
        raise KeyError(f"not in the source: {', '.join(sorted(missing))}")
    info = _mapping(source["info"])
    return {
        "openapi": source["openapi"],
        "info": {
            "title": info["title"],
            "version": info["version"],
            "license": info["license"],
            "x-origin": ORIGIN,
            "x-license-text": licence,
        },
        "paths": paths,
        "components": _reached(paths, _mapping(source["components"])),
    }


def _reached(paths: Json, components: dict[str, Json]) -> dict[str, Json]:
    found: dict[str, dict[str, Json]] = {}
    waiting = _references(paths)
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name in found.setdefault(kind, {}):
            continue
        part = _without_prose(_mapping(components[kind])[name])
        found[kind][name] = part
        waiting |= _references(part)
    return {kind: dict(sorted(parts.items())) for kind, parts in sorted(found.items()) if kind != "examples"}


def _references(node: Json) -> set[str]:
    if isinstance(node, list):
        return {reference for part in node for reference in _references(part)}
    if isinstance(node, dict):
        own = node.get("$ref")
        below = {reference for part in node.values() for reference in _references(part)}
        return below | {own} if isinstance(own, str) else below
    return set()


def _without_prose(node: Json, names: bool = False) -> Json:
    if isinstance(node, list):
        return [_without_prose(part) for part in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Json] = {}
    for key, value in node.items():
        if names:
            kept[key] = _without_prose(value)
        elif key in _VERBATIM:
            kept[key] = value
        elif key == "externalDocs":
            kept[key] = {"url": _mapping(value)["url"]}
        elif key not in _DROPPED and not key.startswith("x-"):
            kept[key] = _without_prose(value, names=key in _NAMED)
    return kept


def _mapping(node: Json) -> dict[str, Json]:
    if not isinstance(node, dict):
        raise TypeError(f"an object was expected, not {type(node).__name__}")
    return node


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="api.github.com.json of @octokit/openapi")
    source = parser.parse_args().source
    # Its licence asks to go with every copy.
    licence = (source.parent.parent / "LICENSE").read_text(encoding="utf-8")
    document = trim(json.loads(source.read_text(encoding="utf-8")), licence)
    TRIMMED.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
