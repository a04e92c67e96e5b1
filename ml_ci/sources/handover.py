"""What a job without rights hands over for publishing: data from strangers, read as nothing but data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_ci.records import Origin, Run
from ml_ci.result import Failure


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
    raise NotImplementedError
