"""However much a training logs: its curves stay small and keep their looks, and no metric's value changes."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Metric as Point

from ml_ci.records import Metric, Run, write_record
from ml_ci.repeats import joined
from ml_ci.sources.metric_files import read_metrics
from ml_ci.sources.mlflow_curves import read_curves
from ml_ci.sources.mlflow_runs import read_run
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.tracking import Tracking
from ml_ci.thinning import Curve, bounded, thinned
from tests.runs import run


def noise(points: int, seed: int = 0) -> Curve:
    draw = random.Random(seed)
    return tuple((step, draw.gauss(0, 1)) for step in range(points))


# -- one curve


@given(
    st.lists(st.floats(), min_size=1, max_size=400).map(lambda values: tuple(enumerate(values))),
    st.integers(min_value=4, max_value=100),
)
def test_a_thinned_curve_has_its_ends_its_extremes_and_its_gaps(curve: Curve, most: int) -> None:
    small = thinned(curve, most)
    assert len(small) <= max(most, 1)
    # by identity, as NaN equals nothing
    assert [id(point) for point in small] == [id(point) for point in curve if any(point is each for each in small)]
    assert (small[0], small[-1]) == (curve[0], curve[-1])
    if most < 5:
        return
    finite = [value for _, value in curve if math.isfinite(value)]
    kept = [value for _, value in small if math.isfinite(value)]
    assert not finite or (min(kept), max(kept)) == (min(finite), max(finite))
    assert len(finite) == len(curve) or len(kept) < len(small)


def test_a_short_curve_is_whole() -> None:
    assert thinned(noise(1000)) == noise(1000)


def test_one_peak_among_a_million_points_is_kept() -> None:
    values = [0.0] * 1_000_000
    values[654_321] = 9.0
    small = thinned(tuple(enumerate(values)))
    assert (654_321, 9.0) in small
    assert len(small) <= 1000


def test_points_are_kept_from_the_whole_length() -> None:
    steps = [step for step, _ in thinned(noise(100_000))]
    assert max(after - before for before, after in pairwise(steps)) < 2 * 100_000 / 499


# -- all curves of a run


def logged(names: Sequence[str], points: int) -> dict[str, Metric]:
    return {name: Metric(value=float(number), history=noise(points, number)) for number, name in enumerate(names)}


def with_curves(metrics: dict[str, Metric]) -> list[str]:
    return sorted(name for name, metric in metrics.items() if len(metric.history) > 1)


def points_of(metrics: dict[str, Metric]) -> int:
    return sum(len(curve) for metric in metrics.values() for curve in (metric.history, *metric.curves))


def test_few_small_curves_stay_as_they_are() -> None:
    metrics = logged(["loss", "f1"], 500)
    assert bounded(metrics) == (metrics, ())


def test_of_many_curves_fifty_are_kept_and_those_with_a_rule_first() -> None:
    metrics = logged([f"m{number:04}" for number in range(2000)], 100)
    small, said = bounded(metrics, ["m1999", "m1000"])
    assert with_curves(small) == [*(f"m{number:04}" for number in range(48)), "m1000", "m1999"]
    assert said == ("A run keeps the curves of 50 metrics: 1,950 more went without, and all values count.",)
    assert [metric.value for metric in small.values()] == [metric.value for metric in metrics.values()]


def test_long_curves_share_the_room_that_short_ones_leave() -> None:
    metrics = logged([f"long{number}" for number in range(40)], 1000) | {"short": Metric(value=1, history=noise(30))}
    small, said = bounded(metrics)
    assert small["short"].history == noise(30)
    assert min(len(small[f"long{number}"].history) for number in range(40)) > 400
    assert points_of(small) <= 20_000
    assert said == ()


def test_thirty_seeds_of_fifty_metrics_keep_bands_of_those_with_a_rule() -> None:
    """30 seeds are 31 curves of at least 50 points each: 20,000 points are enough for a dozen metrics."""
    names = [f"m{number:02}" for number in range(50)]
    runs = [replace(run(), metrics=logged(names, 1000)) for _ in range(30)]
    runs[1] = replace(runs[1], metrics={name: replace(each, value=-1) for name, each in runs[1].metrics.items()})
    whole = joined(runs, ["m49"])
    metrics = dict(whole.metrics)
    banded = [name for name in names if metrics[name].curves]
    assert "m49" in banded
    assert 10 <= len(banded) <= 13
    assert all(len(metrics[name].curves) == 30 for name in banded)
    assert all(metrics[name].history == metrics[name].curves[0] for name in banded)
    assert with_curves(metrics) == names
    assert points_of(metrics) <= 20_000
    assert [len(metric.repeats) for metric in metrics.values()] == [30] * 50
    assert whole.warnings[-1].startswith(
        f"Only the first training's curve is kept of {50 - len(banded)} of the metrics"
    )
    assert len(write_record(whole)) < 1_000_000


def test_what_mlflow_logs_of_the_machine_gives_way_first() -> None:
    names = ["system/cpu", *(f"z{number:02}" for number in range(50))]
    assert "system/cpu" not in with_curves(bounded(logged(names, 3))[0])


# -- a real MLflow


def log(server: str, curves: dict[str, Curve], *, tags: dict[str, str] | None = None) -> str:
    """A finished run with these curves."""
    client = MlflowClient(server)
    run_id = str(client.create_run("0", tags=tags or {}).info.run_id)
    points = [Point(name, value, 1_700_000_000_000, step) for name, curve in curves.items() for step, value in curve]
    for start in range(0, len(points), 1000):
        client.log_batch(run_id, metrics=points[start : start + 1000])
    client.set_terminated(run_id)
    return run_id


def read(server: str, run_id: str, *gated: str) -> Run:
    client = MlflowClient(server)
    return read_run(client, client.get_run(run_id), gated)


def test_of_three_hundred_metrics_fifty_curves_are_read_and_all_values(mlflow_server: str) -> None:
    run_id = log(mlflow_server, {f"m{number:03}": ((0, 0.5), (1, float(number))) for number in range(300)})
    found = read(mlflow_server, run_id, "m299")
    metrics = dict(found.metrics)
    assert with_curves(metrics) == [*(f"m{number:03}" for number in range(49)), "m299"]
    assert metrics["m299"].history == ((0, 0.5), (1, 299.0))
    assert {name: metric.value for name, metric in metrics.items()} == {f"m{n:03}": float(n) for n in range(300)}
    assert found.warnings == ("A run keeps the curves of 50 metrics: 250 more went without, and all values count.",)


def test_a_training_is_told_of_left_out_curves_as_of_other_things(mlflow_server: str) -> None:
    who = Identity(key="k", commit="c" * 40, attempt=uuid.uuid4().hex, fingerprint="f", exact=True)
    log(mlflow_server, {f"m{number:02}": ((0, 0.5), (1, 1.0)) for number in range(60)}, tags=who.tags())
    left = Tracking(mlflow_server, {}, shared=True).left_by(who, 0, ["m59"])
    assert left.run
    assert left.run.metrics["m59"].history == ((0, 0.5), (1, 1.0))
    assert left.warnings == ("A run keeps the curves of 50 metrics: 10 more went without, and all values count.",)


def test_metrics_that_were_logged_once_take_no_curve_its_place_and_are_not_warned_of(mlflow_server: str) -> None:
    once = {f"class {number}": ((0, 0.5),) for number in range(80)}
    found = read(mlflow_server, log(mlflow_server, once | {"zeta": ((0, 0.5), (1, 0.75))}))
    assert with_curves(dict(found.metrics)) == ["zeta"]
    assert found.warnings == ()
    assert len(found.metrics) == 81


def test_a_peak_of_a_metric_with_a_rule_is_kept_though_its_curve_is_long(mlflow_server: str) -> None:
    values = [0.5] * 4000
    values[2345] = 9.0
    curve = tuple(enumerate(values))
    found = read(mlflow_server, log(mlflow_server, {"f1": curve, "other": curve}), "f1")
    assert (2345, 9.0) in found.metrics["f1"].history
    for metric in found.metrics.values():
        assert metric.value == 0.5
        assert len(metric.history) <= 1000
        assert (metric.history[0], metric.history[-1]) == (curve[0], curve[-1])


def test_a_server_that_takes_too_long_costs_curves_and_no_values(mlflow_server: str) -> None:
    client = MlflowClient(mlflow_server)
    found = client.get_run(log(mlflow_server, {"f1": ((0, 0.5), (1, 1.0))}))
    assert read_curves(client, found, seconds=0) == (
        {},
        ("MLflow took more than 0 s for curves, so 1 of them are missing; all values count.",),
    )


class Old(BaseHTTPRequestHandler):
    """MLflow as it was before a part of a curve could be asked for."""

    server: OldServer

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = HTTPConnection(self.server.host, self.server.port, timeout=60)
        path = "/api/2.0/not-there" if "get-history-bulk" in self.path else self.path
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        connection.request(self.command, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type") or "")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        connection.close()

    do_GET = do_POST = _handle  # noqa: N815 - as http.server looks for them

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


class OldServer(ThreadingHTTPServer):
    """Stands before the real one."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Old)
        place = urlsplit(behind)
        self.host, self.port, self.login = place.hostname or "", place.port, place.netloc.rpartition("@")[0]


@contextmanager
def old_server(behind: str) -> Iterator[str]:
    with OldServer(behind) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{server.login}@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_of_an_old_server_curves_are_read_as_ever(mlflow_server: str) -> None:
    curve = noise(3000)
    run_id = log(mlflow_server, {"f1": curve})
    with old_server(mlflow_server) as address:
        history = read(address, run_id).metrics["f1"].history
    assert history == thinned(curve)


# -- metrics files


def test_a_long_table_is_thinned_and_its_last_row_counts(tmp_path: Path) -> None:
    rows = [f"{step},{value!r}" for step, value in noise(30_000)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["step,loss", *rows]))
    metrics, warnings = read_metrics(path, "log.csv")
    assert metrics["loss"].history == thinned(noise(30_000))
    assert metrics["loss"].value == noise(30_000)[-1][1]
    assert warnings == ()


@pytest.mark.parametrize(("name", "start", "end"), [("m.json", '{"loss": [', "]}"), ("m.yaml", "loss: [", "]")])
def test_a_long_list_is_thinned_and_its_last_number_counts(tmp_path: Path, name: str, start: str, end: str) -> None:
    path = tmp_path / name
    path.write_text(start + ", ".join(repr(value) for _, value in noise(5000)) + end)
    metric = read_metrics(path, name)[0]["loss"]
    assert (metric.history, metric.value) == (thinned(noise(5000)), noise(5000)[-1][1])


def test_a_long_log_is_thinned(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("\n".join(f"step {step}, loss = {value:.6f}" for step, value in noise(5000)))
    assert len(read_metrics(path, "train.txt")[0]["loss"].history) <= 1000
