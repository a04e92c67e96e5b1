"""The report as an artifact of the workflow run: what it is called, and where a reader finds it."""

from __future__ import annotations

from urllib.parse import urlsplit

from ml_ci.github.event import Event


def artifact_name(key: str, event: Event) -> str:
    """The name under which the action's next steps upload the report; empty where they cannot.

    GitHub Enterprise Server does not take the artifacts that upload-artifact makes since its version 4.
    """
    return f"ml-ci-{key}" if _takes_artifacts(event.server_url) else ""


def artifact_page(event: Event) -> str:
    """Where the artifact is listed. Its own address is not known before it is uploaded, which is after the comment."""
    run, _, _ = event.run_url.partition("/attempts/")
    return f"{run}#artifacts" if _takes_artifacts(event.server_url) else event.run_url


def _takes_artifacts(server_url: str) -> bool:
    """As GitHub's own @actions/artifact tells servers apart; an address of this machine is a runner for trying out."""
    host = urlsplit(server_url).hostname or ""
    return host in ("github.com", "localhost", "127.0.0.1") or host.endswith((".ghe.com", ".localhost"))
