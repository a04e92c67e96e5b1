"""Which parameters a file of parameters changes, in a real repository."""

from __future__ import annotations

from pathlib import Path

from ml_ci.sources.git import Git
from ml_ci.sources.parameter_files import changed_parameters
from tests.repository import Repository, clean_variables


def test_each_changed_file_of_parameters_has_the_names_that_it_changes(tmp_path: Path) -> None:
    before = {
        "params.yaml": "lr: 0.1\nmodel: {depth: 3, seed: 1}\n",
        "conf/comment.yaml": "a: 1\n",
        "conf/same.yaml": "a: 1\n",
        "conf/broken.yaml": "a: [\n",
    }
    repository = Repository.create(tmp_path / "repo", before)
    base = repository.git("rev-parse", "HEAD").strip()
    repository.write(
        {
            "params.yaml": "lr: 0.2\nmodel: {seed: 1, width: 9}\n",
            "conf/comment.yaml": "# why\na: 1\n",
            "conf/broken.yaml": "a: 1\n",
            "conf/new.yaml": "a: 1\n",
        }
    )
    git = Git(repository.path, clean_variables())
    changed = {"params.yaml", "conf/comment.yaml", "conf/broken.yaml", "conf/new.yaml"}
    assert changed_parameters(git, base, repository.path, ["params.yaml", "conf/*.yaml"], changed) == {
        "params.yaml": frozenset({"lr", "model.depth", "model.width"}),
        "conf/comment.yaml": frozenset(),
    }
