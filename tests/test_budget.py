"""How many verdicts a test set carries: the planner, asked the other way round."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from ml_ci.compare.budget import _upper_bound, supported
from ml_ci.compare.condition_parser import parse
from ml_ci.compare.sample_size import plan


@pytest.mark.parametrize(
    ("examples", "margin", "confidence", "verdicts"),
    [
        # the paper's table, H = 32 with full adaptivity: with one example less it is one verdict less
        (5496, 0.1, 0.99, 32),
        (5495, 0.1, 0.99, 31),
        (21984, 0.05, 0.99, 32),
        (21983, 0.05, 0.99, 31),
        (641684, 0.01, 0.9999, 32),
        (641683, 0.01, 0.9999, 31),
    ],
)
def test_it_gives_back_the_steps_that_the_examples_were_planned_for(
    examples: int, margin: float, confidence: float, verdicts: int
) -> None:
    assert supported(examples, margin, confidence) == verdicts


@pytest.mark.parametrize("examples", [5_000, 50_000, 1_234_567])
def test_it_is_the_planners_inverse(examples: int) -> None:
    condition = parse("n - o > 0 +/- 0.03")
    verdicts = supported(examples, 0.03, 0.95)

    def needed(steps: int) -> int:
        return plan(condition, reliability=0.95, adaptivity="full", steps=steps).examples

    assert needed(verdicts + 1) > examples
    assert verdicts == 0 or needed(verdicts) <= examples


@pytest.mark.parametrize(
    ("examples", "margin"), [(0, 0.01), (1, 0.01), (1_000, 0.01), (10**9, 0.0), (10**9, -0.1), (10**9, float("nan"))]
)
def test_none_is_an_answer(examples: int, margin: float) -> None:
    assert supported(examples, margin, 0.95) == 0
    assert supported(examples, margin, 0.95, 0.1) == 0


def test_models_that_hardly_differ_wear_a_test_set_less() -> None:
    carried = [supported(100_000, 0.01, 0.95, share) for share in (0.0, 0.01, 0.05, 0.1, 0.3)]
    assert carried == sorted(carried, reverse=True)
    assert len(set(carried)) == len(carried)
    assert carried[0] < 10_000, "that they did not differ on these examples does not mean that they never do"


def test_knowing_the_disagreement_never_costs() -> None:
    for examples in (1_000, 20_000, 500_000):
        for share in (0.0, 0.2, 0.5, 1.0):
            assert supported(examples, 0.02, 0.95, share) >= supported(examples, 0.02, 0.95)


def test_with_a_known_disagreement_it_promises_no_more_than_the_planner() -> None:
    verdicts = supported(100_000, 0.01, 0.9999, 0.1)
    condition = parse("n - o > 0 +/- 0.01")
    needed = plan(condition, reliability=0.9999, adaptivity="full", steps=verdicts, variance=0.1).examples
    assert verdicts > 0
    assert needed <= 100_000


def test_more_examples_a_wider_margin_and_less_confidence_carry_more() -> None:
    middle = supported(100_000, 0.02, 0.99, 0.1)
    assert supported(200_000, 0.02, 0.99, 0.1) > middle
    assert supported(100_000, 0.03, 0.99, 0.1) > middle
    assert supported(100_000, 0.02, 0.9, 0.1) > middle


@pytest.mark.parametrize("margin", [1.0, 2.0, 1e300, float("inf")])
def test_a_margin_wider_than_any_share_ends(margin: float) -> None:
    assert supported(1_000, margin, 0.95) == supported(1_000, 1.0, 0.95) > 0


@pytest.mark.parametrize("examples", [50, 2_000])
@pytest.mark.parametrize("true", [0.001, 0.02, 0.1, 0.5, 0.9])
def test_the_bound_of_the_disagreement_is_wrong_no_more_often_than_allowed(examples: int, true: float) -> None:
    doubt = 4.0
    low = [count for count in range(examples + 1) if _upper_bound(count / examples, examples, doubt) < true]
    wrong = binom.cdf(max(low), examples, true) if low else 0.0
    assert wrong <= 2.718281828**-doubt


@pytest.mark.parametrize(("confidence", "share"), [(0.0, 0.1), (1.0, 0.1), (0.95, -0.1), (0.95, 1.1)])
def test_what_is_no_share_is_a_mistake_of_the_caller(confidence: float, share: float) -> None:
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        supported(1_000, 0.1, confidence, share)
