"""GitHub's own description of its API, as a judge of requests and answers."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from jsonschema import Draft202012Validator, FormatChecker

from tests.github_server.wire import Json

DESCRIPTION = Path(__file__).with_name("openapi.json")

# An OpenAPI document is a tree of free-form objects; it is read here and nowhere else.
Node = dict[str, Any]

# Path parameters that may hold slashes (refs, file paths); all others end at the next one.
_GREEDY = frozenset({"ref", "path", "basehead", "branch"})
# GitHub still serves these older paths, which PyGithub uses, for operations that have moved.
_ALIASES = {
    ("get", "/repos/{owner}/{repo}/statuses/{ref}"): "repos/list-commit-statuses-for-ref",
    ("get", "/repos/{owner}/{repo}/contents"): "repos/get-content",
    ("get", "/repos/{owner}/{repo}/contents/"): "repos/get-content",
    ("get", "/repos/{owner}/{repo}/git/refs"): "git/list-matching-refs",
}
# Statuses that every operation may have, though the description does not list them for each.
_EVERYWHERE = frozenset({401, 403, 404, 409, 422, 429})


@dataclass(frozen=True)
class Operation:
    """One operation, with compiled validators."""

    name: str
    documentation: str
    query: Mapping[str, Draft202012Validator]
    body: Draft202012Validator | None
    needs_body: bool
    answers: Mapping[int, Draft202012Validator | None]


class Description:
    """The operations of `openapi.json`. Building one costs milliseconds; validators are compiled at first use."""

    def __init__(self, path: Path = DESCRIPTION) -> None:
        self._document: Node = json.loads(path.read_text(encoding="utf-8"))
        self._sources: dict[str, tuple[Node, Node]] = {}
        routes: list[tuple[str, str, str]] = []
        for template, item in self._document["paths"].items():
            for method, operation in item.items():
                self._sources[operation["operationId"]] = (item, operation)
                routes.append((method, template, operation["operationId"]))
        routes += [(method, template, name) for (method, template), name in _ALIASES.items()]
        # The more literal a template is, the earlier it is tried: /commits/{ref}/check-runs before /commits/{ref}.
        routes.sort(key=lambda route: -len(re.sub(r"{\w+}", "", route[1])))
        self._routes = [(method.upper(), _pattern(template), name) for method, template, name in routes]

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(self._sources)

    def find(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """The operation that a request is for, and its path parameters; None where the description has none."""
        for wanted, pattern, name in self._routes:
            match = pattern.fullmatch(path) if wanted == method else None
            if match:
                return name, {key: unquote(value) for key, value in match.groupdict().items()}
        return None

    @functools.cache  # noqa: B019 (one description lives as long as the process)
    def operation(self, name: str) -> Operation:
        """An operation by its `operationId`."""
        item, source = self._sources[name]
        parameters = [self._resolved(part) for part in [*item.get("parameters", []), *source.get("parameters", [])]]
        body = source.get("requestBody", {}).get("content", {}).get("application/json")
        return Operation(
            name=name,
            documentation=source["externalDocs"]["url"],
            query={part["name"]: self._validator(part["schema"]) for part in parameters if part["in"] == "query"},
            body=self._validator(body["schema"]) if body else None,
            needs_body=source.get("requestBody", {}).get("required", False),
            answers={int(status): self._answer(int(status), part) for status, part in source["responses"].items()},
        )

    def request_faults(self, name: str, query: Mapping[str, str], body: Json) -> Iterator[str]:
        """What is wrong with a request, one sentence each."""
        operation = self.operation(name)
        for key, text in query.items():
            if key in operation.query:
                yield from _faults(operation.query[key], _from_query(text, operation.query[key]), f"{name} query {key}")
            elif key not in ("page", "per_page"):
                yield f"{name} has no query parameter {key!r}"
        if operation.body is not None and body is not None:
            yield from _faults(operation.body, body, f"{name} request")
        elif body is not None:
            yield f"{name} takes no request body"
        elif operation.needs_body:
            yield f"{name} needs a request body"

    def answer_faults(self, name: str, status: int, document: Json) -> Iterator[str]:
        """What is wrong with an answer, one sentence each."""
        operation = self.operation(name)
        if status in operation.answers:
            validator = operation.answers[status]
            if validator is not None:
                yield from _faults(validator, document, f"{name} answer {status}")
        elif status in _EVERYWHERE:
            yield from _faults(self._error, document, f"{name} answer {status}")
        else:
            yield f"{name} never answers {status}"

    @functools.cached_property
    def _error(self) -> Draft202012Validator:
        return self._validator({"$ref": "#/components/schemas/basic-error"}, closed=False)

    def _answer(self, status: int, part: Node) -> Draft202012Validator | None:
        content = self._resolved(part).get("content", {})
        schemas = [content[media]["schema"] for media in sorted(content) if "json" in media or "object" in media]
        if not schemas:
            return None
        # Errors carry a `status` that the description does not know of everywhere, so they stay open.
        return self._validator(schemas[0] if len(schemas) == 1 else {"anyOf": schemas}, closed=status < 400)

    def _resolved(self, part: Node) -> Node:
        if "$ref" not in part:
            return part
        node = self._document
        for step in part["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        return node

    def _validator(self, schema: Node, closed: bool = True) -> Draft202012Validator:
        return Draft202012Validator(self._converted(schema, closed), format_checker=_FORMATS)

    def _converted(self, schema: Node, closed: bool) -> Node:
        if "$ref" in schema:
            return self._component(schema["$ref"], closed)
        converted: Node = {}
        for key, value in schema.items():
            if key == "properties":
                converted[key] = {name: self._converted(part, closed) for name, part in value.items()}
            elif key in ("items", "additionalProperties") and isinstance(value, dict):
                converted[key] = self._converted(value, closed)
            elif key in ("anyOf", "oneOf", "allOf"):
                converted[key] = [self._converted(part, closed) for part in value]
            elif key not in ("nullable", "discriminator"):
                converted[key] = value
        # The description leaves objects open. A misspelt key would pass, so named properties are taken as all there are.
        if closed and "properties" in converted and "allOf" not in converted:
            converted.setdefault("additionalProperties", False)
        return {"anyOf": [{"type": "null"}, converted]} if schema.get("nullable") else converted

    @functools.cache  # noqa: B019 (shares each component between all that refer to it)
    def _component(self, reference: str, closed: bool) -> Node:
        return self._converted(self._resolved({"$ref": reference}), closed)


@functools.cache
def github_description() -> Description:
    """The one description of a process."""
    return Description()


def _pattern(template: str) -> re.Pattern[str]:
    def group(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{'.+' if match[1] in _GREEDY else '[^/]+'})"

    return re.compile(re.sub(r"{(\w+)}", group, template))


def _from_query(text: str, validator: Draft202012Validator) -> Json:
    kind = cast("Node", validator.schema).get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _faults(validator: Draft202012Validator, document: Json, where: str) -> Iterator[str]:
    for top in validator.iter_errors(document):
        error = top
        while error.context:
            error = max(error.context, key=lambda inner: len(inner.path))
        yield f"{where}: {error.json_path}: {error.message[:300]}"


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return datetime.fromisoformat(value).tzinfo is not None and "T" in value


@_FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or (bool(urlsplit(value).scheme) and " " not in value)
