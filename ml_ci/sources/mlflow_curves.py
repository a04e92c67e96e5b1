"""The curves of a run in MLflow, read within limits: a training may have logged a hundred million points."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ml_ci.thinning import CURVE_POINTS, MOST_CURVES, Curve, in_order, left_out, thinned

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as LoggedRun
    from requests import Response

SECONDS = 20.0
"""When so much time has passed no more curves are asked for: whoever waits for the comment waits for them."""

_SAMPLE = CURVE_POINTS
"""Points that the server is to pick of a curve, evenly and with both ends: to write out all of it takes it much longer."""
_PAGE = 25_000
_INTERVAL, _WHOLE = "get-history-bulk-interval", "get-history"

Point = tuple[int, int, float]
"""Step, time in milliseconds since 1970, value."""


def read_curves(
    client: MlflowClient, found: LoggedRun, gated: Collection[str] = (), seconds: float = SECONDS
) -> tuple[dict[str, Curve], tuple[str, ...]]:
    """The curves of at most `MOST_CURVES` metrics, those in `gated` first, and a sentence on those that were left out.

    Of a metric of more than 1,000 points the server's sample of so many is read; of one in `gated` all of them up to
    25,000, so that no peak of it is lost. Where there are too many metrics, one whose last step is 0 is taken for one
    that was logged once.
    Raises what MLflow's client raises.
    """
    run_id, end = found.info.run_id, time.monotonic() + seconds
    names = _by_interest(found, gated)
    wanted = names[:MOST_CURVES]

    def ask(name: str) -> Curve | None:
        if time.monotonic() >= end:
            return None
        return _curve(_points(client, run_id, name, whole=name in gated))

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(wanted, pool.map(ask, wanted), strict=True))
    curves = {name: curve for name, curve in answers.items() if curve is not None}
    steps = last_steps(found)
    missed = sum(1 for name in names if name not in curves and steps[name])
    if not missed:
        return curves, ()
    slow = f"MLflow took more than {seconds:.0f} s for curves, so {missed:,} of them are missing; all values count."
    return curves, (slow if len(curves) < len(wanted) else left_out(missed),)


def last_steps(found: LoggedRun) -> Mapping[str, int]:
    """The largest step of each metric, which tells those with a curve from those that were logged once."""
    return {metric.key: metric.step for metric in found.data.to_proto().metrics}


def unclamped(value: float) -> float:
    """MLflow stores an infinity as the largest float; nobody else logs exactly that."""
    return float("inf") * (1 if value > 0 else -1) if abs(value) == sys.float_info.max else value


def _by_interest(found: LoggedRun, gated: Collection[str]) -> list[str]:
    steps = last_steps(found)
    stepped = sorted(found.data.metrics, key=lambda name: (steps[name] == 0, name))
    return in_order(stepped, gated)


def _points(client: MlflowClient, run_id: str, name: str, *, whole: bool) -> list[Point]:
    """What was logged, as far as it is read."""
    sample = _ask(client, _INTERVAL, {"run_ids": run_id, "metric_key": name, "max_results": _SAMPLE})
    if sample is None:
        # a server of before this question could be asked
        return [(point.step, point.timestamp, point.value) for point in client.get_metric_history(run_id, name)]
    if whole and len(sample) >= _SAMPLE:
        return _ask(client, _WHOLE, {"run_id": run_id, "metric_key": name, "max_results": _PAGE}, all_=True) or sample
    return sample


def _ask(
    client: MlflowClient, question: str, asked: Mapping[str, str | int], *, all_: bool = False
) -> list[Point] | None:
    """The points in the answer; None where there is none, or, for `all_`, where it does not hold all of them.

    It is asked past MLflow's objects, of which a point takes ten times as long to make as a number.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    where = f"/api/2.0/mlflow/metrics/{question}"
    creds = get_default_host_creds(client.tracking_uri)  # type: ignore[no-untyped-call]  # MLflow has no types here
    answer: Response = http_request(  # type: ignore[no-untyped-call]
        creds, where, "GET", params=dict(asked), raise_on_status=False
    )
    if answer.status_code != 200:
        return None
    document = answer.json()
    if all_ and document.get("next_page_token"):
        return None
    points = document.get("metrics", [])
    return [(int(each.get("step", 0)), int(each["timestamp"]), float(each["value"])) for each in points]


def _curve(points: Iterable[Point]) -> Curve:
    """(step, value) by rising step, the last value logged for each; by the order of logging if all steps are equal."""
    ordered = sorted(points, key=lambda point: point[:2])
    if len(ordered) > 1 and ordered[0][0] == ordered[-1][0]:
        curve = [(number, unclamped(value)) for number, (_, _, value) in enumerate(ordered)]
    else:
        curve = list({step: (step, unclamped(value)) for step, _, value in ordered}.values())
    return thinned(curve)
