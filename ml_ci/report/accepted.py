"""Who let a change through although its verdict is no pass, in words."""

from __future__ import annotations

from datetime import UTC, datetime

from ml_ci.records import Accepted


def accepted_by(accepted: Accepted | None) -> str:
    """For beside the verdict; empty where nobody accepted it."""
    return f"accepted by @{accepted.by}" if accepted else ""


def acceptance_sentence(accepted: Accepted, *, allowed: bool, models: int = 1) -> str:
    """Who, how and when. What could not be judged holds the merge back all the same: then it is not `allowed`."""
    of_all = " One label accepts all models that can be judged." if models > 1 else ""
    so = (
        "It holds the merge back no longer." if allowed else "What could not be judged is nothing that can be accepted."
    )
    return (
        f"@{accepted.by} accepted this with the label ml-ci:accept on pull request {accepted.pull} at "
        f"{_time(accepted.at)}.{of_all} {so}"
    )


def _time(at: str) -> str:
    """To the minute: the seconds are in result.json."""
    try:
        return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return at
