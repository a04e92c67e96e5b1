"""MLflow as ml-ci reads it, on a real server: which run counts, what its numbers are, and which runs are baselines."""

from __future__ import annotations

import itertools
import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric as Point

from ml_ci.errors import ConfigError, OutsideError, TrainingError
from ml_ci.records import Image, Metric, Run
from ml_ci.sources.mlflow_server import MlflowServer
from ml_ci.sources.mlflow_variables import Identity
from ml_ci.sources.reaper import Reaper
from ml_ci.sources.tracking import Tracking

COMMIT = "1f0e2d3c4b5a69788796a5b4c3d2e1f001234567"
OTHER = "ba5e0123456789abcdef0123456789abcdef0123"
PIXEL = b"\x89PNG\r\n\x1a\n and so on"


def identity(*, key: str | None = None, commit: str = COMMIT, exact: bool = True) -> Identity:
    """Of one training; without a key, one that no other test has."""
    unique = uuid.uuid4().hex
    return Identity(key=key or f"k{unique}", commit=commit, attempt=unique, fingerprint=f"f{unique}", exact=exact)


def since() -> int:
    """Now, as MLflow counts time; alone in its millisecond."""
    time.sleep(0.002)
    return time.time_ns() // 1_000_000


class Training:
    """What a training does to the server, run by run."""

    def __init__(self, server: str, who: Identity) -> None:
        self.client = MlflowClient(server)
        self.who = who
        self.since = since()

    def run(
        self,
        name: str = "run",
        *,
        parent: str = "",
        status: str = "FINISHED",
        tagged: bool = True,
        commit: str = "",
        **metrics: float,
    ) -> str:
        """One run with its metrics; `tagged` as the fluent API tags it; an empty status is a run that goes on."""
        tags = dict(self.who.tags()) if tagged else {}
        tags |= {"mlflow.parentRunId": parent} if parent else {}
        tags |= {"mlflow.source.git.commit": commit} if commit else {}
        run_id = str(self.client.create_run("0", tags=tags, run_name=name).info.run_id)
        self.points(run_id, [Point(key, value, self.since, 0) for key, value in metrics.items()])
        self.end(run_id, status)
        return run_id

    def end(self, run_id: str, status: str = "FINISHED") -> None:
        if status:
            time.sleep(0.002)
            self.client.set_terminated(run_id, status)

    def points(self, run_id: str, points: Sequence[Point]) -> None:
        for start in range(0, len(points), 1000):
            self.client.log_batch(run_id, metrics=points[start : start + 1000])

    def left(self, server: str, *, shared: bool = False) -> tuple[Run | None, tuple[str, ...]]:
        left = Tracking(server, {}, shared=shared).left_by(self.who, self.since)
        return left.run, left.warnings


@pytest.fixture
def training(mlflow_server: str) -> Training:
    return Training(mlflow_server, identity())


# -- which run counts


def test_a_training_that_logged_nothing_left_nothing(training: Training, mlflow_server: str) -> None:
    assert training.left(mlflow_server, shared=True) == (None, ())


def test_the_parent_counts_and_its_children_do_not(training: Training, mlflow_server: str) -> None:
    parent = training.run("parent", status="", accuracy=0.9)
    child = training.run("child", parent=parent, accuracy=0.1)
    training.run("grandchild", parent=child, accuracy=0.2)
    training.end(parent)
    training.run("late child", parent=parent, accuracy=0.3)
    run, warnings = training.left(mlflow_server)
    assert run is not None
    assert (run.run_id, run.metrics["accuracy"].value, warnings) == (parent, 0.9, ())


def test_among_several_the_one_that_finished_last_counts_and_the_others_are_named(
    training: Training, mlflow_server: str
) -> None:
    first = training.run("prepare", status="", accuracy=0.1)
    training.run("fit", accuracy=0.2)
    training.end(first)
    training.run("broken", status="FAILED", accuracy=0.3)
    run, warnings = training.left(mlflow_server)
    assert run is not None
    assert run.run_id == first
    (warning,) = warnings
    assert "prepare finished last and counts" in warning
    assert "fit (FINISHED)" in warning
    assert "broken (FAILED)" in warning


@pytest.mark.parametrize("status", ["FAILED", "KILLED", ""])
def test_a_run_that_has_not_finished_is_never_compared(training: Training, mlflow_server: str, status: str) -> None:
    training.run("mine", status=status, accuracy=0.9)
    with pytest.raises(TrainingError, match=rf"mine is {status or 'RUNNING'}"):
        training.left(mlflow_server)


def test_a_deleted_run_is_gone(training: Training, mlflow_server: str) -> None:
    training.client.delete_run(training.run(accuracy=0.9))
    assert training.left(mlflow_server)[0] is None


def test_the_run_of_another_attempt_of_the_same_commit_is_not_taken(training: Training, mlflow_server: str) -> None:
    before = Training(mlflow_server, replace(training.who, attempt="another"))
    before.run(accuracy=0.1)
    assert training.left(mlflow_server)[0] is None


def test_runs_that_the_fluent_api_did_not_make_are_known_by_being_new(mlflow_server: str) -> None:
    who = identity(commit=uuid.uuid4().hex)
    Training(mlflow_server, who).run("old", tagged=False, commit=who.commit, accuracy=0.1)
    training = Training(mlflow_server, who)
    mine = training.run("mine", tagged=False, commit=who.commit, accuracy=0.9)
    run, _ = training.left(mlflow_server, shared=True)
    assert run is not None
    assert run.run_id == mine


@pytest.mark.parametrize("shared", [False, True])
def test_a_parent_that_the_fluent_api_did_not_make_counts_before_its_children(
    training: Training, mlflow_server: str, *, shared: bool
) -> None:
    """As `mlflow run` does it: its own run, which the script resumes and nests others in."""
    parent = training.run("project", status="", tagged=False, accuracy=0.9)
    middle = training.run("search", status="", tagged=False, parent=parent, accuracy=0.2)
    training.run("child", parent=middle, accuracy=0.1)
    training.end(middle)
    training.end(parent)
    training.run("a colleague's", tagged=not shared, parent=middle, accuracy=0.99)
    run, warnings = training.left(mlflow_server, shared=shared)
    assert run is not None
    assert (run.run_id, warnings) == (parent, ())


def test_on_a_shared_server_somebody_elses_new_run_is_never_taken(training: Training, mlflow_server: str) -> None:
    training.run("a colleague's", tagged=False, accuracy=0.99)
    training.run("another commit's", tagged=False, commit=OTHER, accuracy=0.99)
    Training(mlflow_server, identity(commit=COMMIT)).run("another job's", commit=COMMIT, accuracy=0.99)
    assert training.left(mlflow_server, shared=True)[0] is None


def test_a_run_that_names_the_merge_which_is_checked_out_is_ours(mlflow_server: str) -> None:
    merge = uuid.uuid4().hex
    training = Training(mlflow_server, replace(identity(), checkout=merge))
    mine = training.run(tagged=False, commit=merge, accuracy=0.9)
    run, _ = training.left(mlflow_server, shared=True)
    assert run is not None
    assert run.run_id == mine


def test_the_parent_of_more_children_than_one_answer_holds_counts(training: Training, mlflow_server: str) -> None:
    parent = training.run("search", status="", accuracy=0.9)
    for _ in range(5):
        training.run(parent=parent, accuracy=0.1)
    training.end(parent)
    left = Tracking(mlflow_server, {}, shared=False, page=2).left_by(training.who, training.since)
    assert left.run is not None
    assert (left.run.run_id, left.warnings) == (parent, ())


# -- its numbers


def curve(training: Training, server: str, points: Sequence[tuple[int, float]]) -> Metric:
    """The metric that is read, when these steps and values were logged in this order."""
    run_id = training.run(status="")
    training.points(run_id, [Point("m", value, training.since + n, step) for n, (step, value) in enumerate(points)])
    training.end(run_id)
    run, _ = training.left(server)
    assert run is not None
    return run.metrics["m"]


def test_the_latest_value_is_that_of_the_largest_step_whenever_it_was_logged(
    training: Training, mlflow_server: str
) -> None:
    metric = curve(training, mlflow_server, [(0, 0.1), (10, 0.9), (5, 0.5)])
    assert metric.value == 0.9
    assert metric.history == ((0, 0.1), (5, 0.5), (10, 0.9))


def test_of_one_step_the_last_value_counts(training: Training, mlflow_server: str) -> None:
    metric = curve(training, mlflow_server, [(0, 0.1), (1, 0.9), (1, 0.7)])
    assert (metric.value, metric.history) == (0.7, ((0, 0.1), (1, 0.7)))


def test_values_without_steps_are_a_curve_by_the_order_of_logging(training: Training, mlflow_server: str) -> None:
    metric = curve(training, mlflow_server, [(0, 0.9), (0, 0.5), (0, 0.7)])
    assert (metric.value, metric.history) == (0.7, ((0, 0.9), (1, 0.5), (2, 0.7)))


def test_negative_steps_come_first(training: Training, mlflow_server: str) -> None:
    assert curve(training, mlflow_server, [(0, 1.0), (-1, 2.0)]).history == ((-1, 2.0), (0, 1.0))


def test_infinities_and_nan_arrive_as_they_were_logged(training: Training, mlflow_server: str) -> None:
    infinity = float("inf")
    metric = curve(training, mlflow_server, [(0, infinity), (1, -infinity), (2, 1.5), (3, infinity)])
    assert (metric.value, metric.history) == (infinity, ((0, infinity), (1, -infinity), (2, 1.5), (3, infinity)))


def test_nan_is_nan_also_as_the_last_of_a_curve(training: Training, mlflow_server: str) -> None:
    metric = curve(training, mlflow_server, [(0, 1.5), (1, float("nan"))])
    assert math.isnan(metric.value)
    assert metric.history[0] == (0, 1.5)
    assert math.isnan(metric.history[1][1])


def test_a_long_curve_is_thinned_and_keeps_its_ends_also_past_a_page_of_mlflows(
    training: Training, mlflow_server: str
) -> None:
    metric = curve(training, mlflow_server, [(step, float(step)) for step in range(25_002)])
    assert metric.value == 25_001
    assert len(metric.history) <= 1000
    assert (metric.history[0], metric.history[-1]) == ((0, 0.0), (25_001, 25_001.0))
    gaps = {later - earlier for (earlier, _), (later, _) in itertools.pairwise(metric.history)}
    assert max(gaps) < 100


def test_a_curve_of_a_thousand_points_is_whole(training: Training, mlflow_server: str) -> None:
    points = [(step, step / 7) for step in range(1000)]
    assert curve(training, mlflow_server, points).history == tuple(points)


# -- what becomes a baseline


def keep(server: str, who: Identity, **metrics: float) -> Run:
    """A finished run of this identity, completed as the job does it."""
    tracking = Tracking(server, {}, shared=True)
    run_id = tracking.create(who, since())
    run = Run(
        commit=who.commit,
        key=who.key,
        run_id=run_id,
        fingerprint=who.fingerprint,
        metrics={name: Metric(value=value, source="metrics.json") for name, value in metrics.items()},
        params={"depth": "3"},
    )
    tracking.complete(run, who, {})
    return run


def test_a_completed_run_is_found_by_its_commit_and_by_its_fingerprint_as_it_was(mlflow_server: str) -> None:
    who, store = identity(), Tracking(mlflow_server, {}, shared=True)
    kept = keep(mlflow_server, who, accuracy=0.9)
    assert store.by_commit(who.key, who.commit) == kept
    assert store.by_fingerprint(who.key, who.fingerprint) == kept
    assert kept.run_id is not None
    assert store.by_id(kept.run_id) == kept


def test_the_last_record_is_no_run_of_code_that_may_never_be_merged(mlflow_server: str) -> None:
    who, store = identity(), Tracking(mlflow_server, {}, shared=True)
    first, second = (keep(mlflow_server, replace(who, attempt=attempt), accuracy=0.9) for attempt in ("1", "2"))
    keep(mlflow_server, replace(who, commit=OTHER), accuracy=0.1)
    assert store.latest(who.key) is None
    store.recorded(second)
    assert store.latest(who.key) == second
    store.recorded(first)
    assert store.latest(who.key) == first, "as after a revert"


def test_the_newest_run_counts(mlflow_server: str) -> None:
    who = identity()
    keep(mlflow_server, who, accuracy=0.1)
    newest = keep(mlflow_server, replace(who, attempt="again"), accuracy=0.9)
    assert Tracking(mlflow_server, {}, shared=True).by_commit(who.key, who.commit) == newest


def test_runs_of_another_key_or_commit_are_not_found(mlflow_server: str) -> None:
    who, store = identity(), Tracking(mlflow_server, {}, shared=True)
    keep(mlflow_server, who, accuracy=0.9)
    assert store.by_commit(who.key, OTHER) is None
    assert store.by_commit("another", who.commit) is None
    assert store.by_fingerprint(who.key, "another") is None
    assert store.latest("another") is None


def test_a_changed_trees_run_is_nobodys_baseline_but_its_inputs_are_known(mlflow_server: str) -> None:
    who, store = identity(exact=False), Tracking(mlflow_server, {}, shared=True)
    kept = keep(mlflow_server, who, accuracy=0.9)
    assert store.by_commit(who.key, who.commit) is None
    assert store.latest(who.key) is None
    assert store.by_fingerprint(who.key, who.fingerprint) == kept


def test_a_run_that_was_not_completed_is_no_baseline(training: Training, mlflow_server: str) -> None:
    training.run(accuracy=0.9)
    store, who = Tracking(mlflow_server, {}, shared=True), training.who
    assert store.by_commit(who.key, who.commit) is None
    assert store.by_fingerprint(who.key, who.fingerprint) is None


def test_metrics_and_parameters_from_files_are_in_mlflow_too_under_names_that_it_allows(mlflow_server: str) -> None:
    run = keep(mlflow_server, identity(), **{"top-5@1 (%)": 0.5, "f1": float("inf")})
    logged = MlflowClient(mlflow_server).get_run(run.run_id or "")
    assert logged.data.metrics["top-5_1 ___"] == 0.5
    assert logged.data.params == {"depth": "3"}
    assert logged.info.status == "FINISHED"
    found = Tracking(mlflow_server, {}, shared=True).by_id(run.run_id or "")
    assert found.metrics["top-5@1 (%)"].value == 0.5
    assert found.metrics["f1"].value == float("inf")


def test_names_that_mlflow_would_refuse_do_not_keep_a_run_from_being_kept(mlflow_server: str) -> None:
    """Each of them refuses the whole batch: one as a path that leads elsewhere, two as one parameter with two values."""
    who, store = identity(), Tracking(mlflow_server, {}, shared=True)
    names = ("/val", "a/../b", "loss//", ".", "ok/val", "a@1", "a%1")
    run = Run(
        commit=who.commit,
        key=who.key,
        run_id=store.create(who, since()),
        metrics={name: Metric(value=0.5, source="metrics.json") for name in names},
        params={name: str(number) for number, name in enumerate(names)},
    )
    store.complete(run, who, {})
    assert store.by_commit(who.key, who.commit) == run


def test_a_run_that_is_kept_as_no_baseline_is_never_found_as_one(mlflow_server: str) -> None:
    who, store = identity(), Tracking(mlflow_server, {}, shared=True)
    run = keep(mlflow_server, who, accuracy=0.9)
    other = identity()
    lost = replace(run, commit=other.commit, key=other.key, run_id=store.create(other, since()))
    assert store.complete(lost, other, {}, baseline=False).run_id
    assert store.by_commit(other.key, other.commit) is None
    assert store.by_fingerprint(other.key, other.fingerprint) is None


def test_images_come_back_by_their_content(mlflow_server: str) -> None:
    who, store = identity(), Tracking(mlflow_server, {}, shared=True)
    run = replace(keep(mlflow_server, who, accuracy=0.9), images=(Image(path="plots/a.png", sha256="ab12"),))
    store.complete(run, who, {"ab12": PIXEL})
    assert store.image(run, "ab12") == PIXEL
    assert store.image(run, "cd34") is None


def test_a_run_by_id_has_to_be_there_and_finished(training: Training, mlflow_server: str) -> None:
    store = Tracking(mlflow_server, {}, shared=True)
    with pytest.raises(ConfigError, match=r"no such run"):
        store.by_id("0" * 32)
    with pytest.raises(TrainingError, match=r"is RUNNING"):
        store.by_id(training.run(status=""))


def test_a_run_that_ml_ci_never_saw_can_be_compared_by_id(training: Training, mlflow_server: str) -> None:
    run_id = training.run(tagged=False, commit=OTHER, accuracy=0.9)
    found = Tracking(mlflow_server, {}, shared=True).by_id(run_id)
    assert (found.commit, found.metrics["accuracy"].value) == (OTHER, 0.9)


# -- what training is told


def test_training_is_told_the_address_and_the_tags_beside_the_users_own() -> None:
    who = identity()
    told = Tracking("http://127.0.0.1:1", {}, shared=False).variables(
        {"HOME": "/home/mona", "MLFLOW_RUN_CONTEXT": '{"team": "churn"}', "MLFLOW_RUN_ID": "of another server"}, who
    )
    assert (told["HOME"], told["MLFLOW_TRACKING_URI"]) == ("/home/mona", "http://127.0.0.1:1")
    assert "MLFLOW_RUN_ID" not in told
    assert f'"ml_ci.attempt": "{who.attempt}"' in told["MLFLOW_RUN_CONTEXT"]
    assert '"team": "churn"' in told["MLFLOW_RUN_CONTEXT"]


def test_a_users_server_keeps_the_users_settings() -> None:
    told = Tracking("https://mlflow.example", {}, shared=True).variables(
        {"MLFLOW_TRACKING_TOKEN": "t", "MLFLOW_EXPERIMENT_NAME": "churn"}, identity()
    )
    assert (told["MLFLOW_TRACKING_TOKEN"], told["MLFLOW_EXPERIMENT_NAME"]) == ("t", "churn")


@pytest.mark.parametrize("value", ["{team", "[1]", '"team"', "3"])
def test_a_context_that_is_no_json_object_is_a_wrong_setting(value: str) -> None:
    with pytest.raises(ConfigError, match=r"MLFLOW_RUN_CONTEXT"):
        Tracking("http://127.0.0.1:1", {}, shared=False).variables({"MLFLOW_RUN_CONTEXT": value}, identity())


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "file:///tmp/mlruns", "./mlruns", "databricks"])
def test_an_address_that_is_no_server_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"MLFLOW_TRACKING_URI.*over HTTP"):
        Tracking(uri, {}, shared=True)


def test_a_password_in_the_address_is_never_told() -> None:
    assert Tracking("https://mona:secret@mlflow.example/x", {}, shared=True).name == "https://mlflow.example/x"


# -- servers that do not answer as MLflow does


def test_a_server_that_is_down_is_an_error_within_seconds_that_names_the_variable() -> None:
    begin = time.monotonic()
    with pytest.raises(OutsideError, match=r"http://127\.0\.0\.1:9.*check MLFLOW_TRACKING_URI"):
        Tracking("http://mona:secret@127.0.0.1:9", {}, shared=True).check()
    assert time.monotonic() - begin < 15


class SomethingElse(BaseHTTPRequestHandler):
    """A web server that is not MLflow's."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = b"<html>Welcome to nginx!</html>"
        self.send_response(200 if self.path.startswith("/ok") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@pytest.mark.parametrize("path", ["", "/ok"])
def test_a_server_that_is_not_mlflows_is_an_error(path: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SomethingElse) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(OutsideError, match=r"check MLFLOW_TRACKING_URI"):
                Tracking(f"http://127.0.0.1:{server.server_port}{path}", {}, shared=True).check()
        finally:
            server.shutdown()
            thread.join()


def test_a_journal_that_is_gone_when_it_is_looked_at_is_no_error(tmp_path: Path) -> None:
    """SQLite makes and deletes it while the server starts; a link to nowhere is listed and not there, too."""
    with Reaper() as reaper:
        server = MlflowServer(tmp_path, {}, reaper)
        server.store.mkdir(parents=True)
        (server.store / "mlflow.db").write_bytes(b"12")
        (server.store / "mlflow.db-journal").symlink_to("nowhere")
        assert [(name, size) for name, _, size in server.state()] == [("mlflow.db", 2)]
