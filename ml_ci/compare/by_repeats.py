"""Evidence from several trainings of both sides."""

from __future__ import annotations

import math

from ml_ci.compare.found import Found
from ml_ci.config import Config, Direction
from ml_ci.records import Run


def by_repeats(name: str, direction: Direction, base: Run, head: Run, config: Config) -> Found:
    """Both sides' repeats, where there are at least two of each."""
    before, after = (run.metrics[name].repeats for run in (base, head))
    if len(before) < 2 or len(after) < 2:
        lacking = " and ".join(side for side, values in (("the base", before), ("head", after)) if len(values) < 2)
        asked = config.repeats >= 2
        return Found(why_not=f"There are no repeats of {name} from {lacking}." if asked else "")
    if not all(map(math.isfinite, (*before, *after))):
        return Found(why_not=f"A repeat of {name} is not a finite number.")
    if len(set(before)) == len(set(after)) == 1:
        # other metrics did vary, so the seed counts: that these are equal is chance, or that they are coarse
        same = f"The repeats of {name} are all the same on either side"
        return Found(why_not=f"{same}, so nothing is known of its noise.")
    from ml_ci.statistics.repeats import welch

    return Found(
        difference=welch(before, after),
        rests_on=f"{len(before)} and {len(after)} trainings",
        notes=_improvement(before, after, direction, config.policy.confidence),
    )


def _improvement(
    base: tuple[float, ...], head: tuple[float, ...], direction: Direction, confidence: float
) -> tuple[str, ...]:
    from ml_ci.statistics.repeats import FEWEST_FOR_IMPROVEMENT, probability_of_improvement

    if len(base) != len(head) or len(base) < FEWEST_FOR_IMPROVEMENT:
        return ()
    share, low, high = probability_of_improvement(base, head, direction, confidence)
    if share in (0, 1):
        # resamples of pairs that are all alike are all alike, too: their interval would claim a certainty that is not there
        return (f"Head is better in {'all' if share else 'none'} of {len(head)} pairs of trainings.",)
    interval = f"{100 * confidence:.4g} %: {100 * low:.0f} to {100 * high:.0f} %"
    return (f"Head is better in {100 * share:.0f} % of pairs of trainings ({interval}).",)
