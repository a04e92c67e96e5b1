"""Adjusted p-values, against Benjamini and Hochberg's own example and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from ml_ci.statistics.multiplicity import benjamini_hochberg, holm

# Benjamini & Hochberg 1995, section 3.2: thrombolysis in acute myocardial infarction
PUBLISHED = (
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
)


def test_the_published_example_has_three_rejections_by_holm_and_four_by_benjamini_hochberg() -> None:
    assert sum(p <= 0.05 for p in holm(PUBLISHED)) == 3
    assert sum(p <= 0.05 for p in benjamini_hochberg(PUBLISHED)) == 4


def test_holms_first_p_values_are_multiplied_by_what_is_left_and_never_fall() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("seed", range(20))
def test_benjamini_hochberg_is_scipys(seed: int) -> None:
    p = np.round(np.random.default_rng(seed).random(37) ** 3, 2 if seed % 2 else 12).tolist()

    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p), rel=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_holm_rejects_what_testing_step_by_step_rejects(seed: int) -> None:
    p = (np.random.default_rng(seed).random(30) ** 6).tolist()
    adjusted = holm(p)

    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for left, at in zip(range(len(p), 0, -1), np.argsort(p), strict=True):
            if p[at] > alpha / left:
                break
            rejected.add(int(at))
        assert {at for at, value in enumerate(adjusted) if value <= alpha} == rejected


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_the_order_of_the_questions_does_not_matter(adjust: object) -> None:
    assert callable(adjust)
    forward, back = adjust(PUBLISHED), adjust(PUBLISHED[::-1])
    assert forward == back[::-1]


def test_one_question_needs_no_adjustment_and_none_has_none() -> None:
    assert holm([0.03]) == benjamini_hochberg([0.03]) == (0.03,)
    assert holm([]) == benjamini_hochberg([]) == ()


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan")])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.1, wrong])
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([0.1, wrong])
