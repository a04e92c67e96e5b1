"""What the base is trained by, where its configuration is not head's."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import RunJob
from tests.repository import WRITES_ACCURACY, Repository

GATE = "environment: none\ngate:\n  accuracy: {direction: higher, max-regression: 0.01}\n"
OUTPUTS = "metrics.json\n__pycache__/\n"


def test_a_base_whose_configuration_has_the_other_of_its_two_names_is_trained_by_it(
    tmp_path: Path, run_job: RunJob
) -> None:
    files = {"old.py": WRITES_ACCURACY, "params.yaml": "accuracy: 0.9\n", ".gitignore": OUTPUTS}
    repository = Repository.create(tmp_path / "repo", {**files, ".ml-ci.yml": GATE + "train: python old.py\n"})
    repository.branch("change").git("mv", ".ml-ci.yml", ".ml-ci.yaml")
    repository.git("mv", "old.py", "new.py")
    repository.commit({".ml-ci.yaml": GATE + "train: python new.py\n", "params.yaml": "accuracy: 0.5\n"})
    result = run_job(repository)
    assert (result.base.origin, result.verdict) == ("trained", "fail"), result.base.why


def test_a_base_that_has_nothing_of_what_the_configuration_names_is_no_baseline(
    tmp_path: Path, run_job: RunJob
) -> None:
    """The first pull request: it brings the training and the configuration at once."""
    repository = Repository.create(tmp_path / "repo", {"README.md": "words\n", ".gitignore": OUTPUTS})
    config = GATE + "train: python src/train.py\ninputs: ['src/**']\n"
    head = {"src/train.py": WRITES_ACCURACY, "params.yaml": "accuracy: 0.9\n", ".ml-ci.yml": config}
    repository.branch("change").commit(head)
    result = run_job(repository)
    assert (result.verdict, result.base.origin) == ("pass", "none"), result.failure
    assert any("`inputs` matches no file of the base" in warning for warning in result.warnings)
