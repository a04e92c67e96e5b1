"""What goes over the wire: a call, an answer, and a refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
Document: TypeAlias = Mapping[str, Json]
Item = TypeVar("Item")

DOCS = "https://docs.github.com/rest"


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        path: with the repository by name, also where it was asked for by number.
        base_url: this server as the caller names it, without a slash at the end.
        operation: the `operationId` in GitHub's description; None where it has no such path.
        parameters: those of the path.
        document: the JSON of the body; None where there is none.
        problem: why the body could not be read, where it could not.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    base_url: str
    operation: str | None
    parameters: Mapping[str, str]
    document: Json
    problem: str | None = None

    @property
    def body(self) -> Document:
        """The body's fields; empty where the body is no object."""
        return self.document if isinstance(self.document, dict) else {}

    def number(self, name: str) -> int:
        """A path parameter that is an integer; an unknown number is answered with 404."""
        value = self.parameters[name]
        if not value.isdigit():
            raise not_found()
        return int(value)

    def accepts(self, media: str) -> bool:
        """Whether the `Accept` header asks for a media type such as `application/vnd.github.raw`, with or without `+json`."""
        accepted = [part.split(";")[0].strip() for part in self.headers.get("accept", "").split(",")]
        return media in accepted or f"{media}+json" in accepted


@dataclass(frozen=True)
class Answer:
    """One response: a JSON `document`, or `content` of another type."""

    status: int
    document: Json = None
    content: bytes | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusalError(Exception):
    """GitHub says no: turned into its JSON error by the server, which adds the operation's documentation link."""

    def __init__(
        self, status: int, message: str, errors: Sequence[Json] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}


def not_found() -> RefusalError:
    """GitHub's answer to everything that is not there, or that the token may not know of."""
    return RefusalError(404, "Not Found")


def paged(
    call: Call, items: Sequence[Item], repository_path: str, default_size: int = 30
) -> tuple[list[Item], dict[str, str]]:
    """One page of `items` and the `Link` header for the others.

    As on GitHub, a page is 30 items, at most 100, and links name the repository by its number (`repository_path`),
    not by its name.
    """
    size = min(max(int(call.query.get("per_page", default_size)), 1), 100)
    page = max(int(call.query.get("page", 1)), 1)
    last = max((len(items) + size - 1) // size, 1)
    rest = call.path.split("/", 4)[4] if call.path.count("/") > 3 else ""

    def link(target: int, relation: str) -> str:
        others = "".join(f"{key}={value}&" for key, value in call.query.items() if key != "page")
        return f'<{call.base_url}{repository_path}/{rest}?{others}page={target}>; rel="{relation}"'

    links = []
    if page > 1:
        links.append(link(min(page - 1, last), "prev"))
    if page < last:
        links += [link(page + 1, "next"), link(last, "last")]
    if page > 1:
        links.append(link(1, "first"))
    return list(items[(page - 1) * size : page * size]), {"Link": ", ".join(links)} if links else {}
