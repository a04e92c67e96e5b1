"""What a job without rights hands over for publishing: data from strangers, read as nothing but data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ml_ci.config_yaml import quoted
from ml_ci.records import Origin, Run
from ml_ci.result import Failure
from ml_ci.sources.archive import not_ours
from ml_ci.sources.handed_images import remade
from ml_ci.sources.handed_result import HandedModel, read_handed_result
from ml_ci.sources.handed_run import HandedSide, read_side
from ml_ci.sources.strict_json import is_there

_WHY = {
    "trained": "trained by the pull request's own job",
    "found": "found by the pull request's own job",
    "same-inputs": "found by the pull request's own job, as a run with equal inputs",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class HandedOver:
    """One model's: the runs of both sides as their records say, their predictions as Parquet (verified against the
    record's SHA-256 and made anew), and images by SHA-256 (PNGs made anew, which the runs name by their new SHA-256).

    Nothing of it is true because it says so. `base` is None unless that job trained or found one; `base_commit` is what
    it says it compared with. There is a `failure` where there is no `head`.
    """

    key: str
    head: Run | None
    head_origin: Origin
    base: Run | None
    base_origin: Origin
    base_commit: str | None
    why: str = ""
    head_parquet: bytes | None = None
    base_parquet: bytes | None = None
    images: Mapping[str, bytes] = field(default_factory=dict)
    failure: Failure | None = None


def read_handover(folder: Path, *, head_sha: str) -> list[HandedOver]:
    """The models in an unpacked artifact, one for a job with one model; each one's head is of the commit `head_sha`.

    Raises HandoverError, in one sentence, for whatever is not as ml-ci writes it.
    """
    folder = folder.resolve()
    models = read_handed_result(folder / "result.json", head_sha)
    return [_read_model(folder / model.folder, model, head_sha) for model in models]


def _read_model(folder: Path, model: HandedModel, head_sha: str) -> HandedOver:
    head, base = (_side(folder, side, model.key) for side in ("head", "base"))
    if head is None and model.failure is None:
        raise not_ours(f"it has no head.json of {quoted(model.key)}, whose training did not fail")
    if head and head.run.commit != head_sha:
        raise not_ours(f"head.json is of the commit {quoted(head.run.commit)} and not of {head_sha}")
    runs = {side: each.run for side, each in (("head", head), ("base", base)) if each}
    images, runs = remade(folder, runs)
    return HandedOver(
        key=model.key,
        head=runs.get("head"),
        head_origin=model.head_origin if head else "none",
        base=runs.get("base"),
        base_origin=model.base_origin if base else "none",
        base_commit=model.base_commit,
        why=_WHY.get(model.base_origin, "") if base else "",
        head_parquet=head.parquet if head else None,
        base_parquet=base.parquet if base else None,
        images=images,
        failure=model.failure,
    )


def _side(folder: Path, side: Literal["head", "base"], key: str) -> HandedSide | None:
    return read_side(folder, side, key) if is_there(folder / f"{side}.json", f"{side}.json") else None
