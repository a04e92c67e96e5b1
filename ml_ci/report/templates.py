"""The templates of this folder, read one way for every outlet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


def template(
    name: str,
    *,
    escape: Callable[[object], object],
    filters: Mapping[str, Callable[..., object]],
    html: bool,
) -> Template:
    """The template of this name. Whatever it prints goes through `escape` first; `html` has Jinja escape it for HTML then.

    A name that it uses and is not given is an error, not an empty place.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=html,  # noqa: S701 - what is not HTML is Markdown, and `escape` makes it safe for that
        finalize=escape,
    )
    environment.filters.update(filters)
    return environment.get_template(name)
