"""Numbers for people."""

from __future__ import annotations

import math

import pytest

from ml_ci import numbers

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.95, "0.95"),
        (0.951234, "0.9512"),
        (4e-07, "4e-07"),
        (-4e-07, "−4e-07"),
        (0.0, "0"),
        (-0.0, "0"),
        (-1.5, "−1.5"),
        (60000.0, "60000"),
        (0.99999, "0.99999"),
        (0.999999999, "0.999999999"),
        (1e20, "1e+20"),
        (NAN, "NaN"),
        (INF, "Infinity"),
        (-INF, "−Infinity"),
        (None, "—"),
    ],
)
def test_a_number_is_short_and_true(value: float | None, text: str) -> None:
    assert numbers.number(value) == text


@pytest.mark.parametrize(
    ("base", "head", "texts"),
    [
        (0.95123, 0.95124, ("0.95123", "0.95124")),
        (0.95, 0.9451, ("0.9500", "0.9451")),
        (0.9, 0.91, ("0.90", "0.91")),
        (4e-07, 9e-07, ("4e-07", "9e-07")),
        (4e-07, 0.5, ("4e-07", "0.5")),
        (123456.789, 123456.79, ("123456.789", "123456.790")),
        (1e20, 1.00001e20, ("1e+20", "1.00001e+20")),
        (1000.0, 1001.0, ("1000", "1001")),
        (None, 0.5, ("—", "0.5")),
        (0.5, NAN, ("0.5", "NaN")),
    ],
)
def test_both_sides_have_the_digits_in_which_they_differ(
    base: float | None, head: float | None, texts: tuple[str, str]
) -> None:
    assert numbers.pair(base, head) == texts


@pytest.mark.parametrize(
    ("base", "head", "interval", "texts"),
    [
        (0.98712, 0.98745, (-0.0012, 0.0019), ("0.9871", "0.9874")),
        (12.3456, 14.987, (-3.0, 6.0), ("12.3", "15.0")),
        # of half their width two digits would be fewer than three of the numbers
        (0.1351, 0.2704, (0.037, 0.249), ("0.135", "0.270")),
        (0.05123, 0.07611, (-0.01, 0.03), ("0.0512", "0.0761")),
        (1.2345, 1e-5, (-1.0, 1.0), ("1.234", "1e-05")),
        (0.5, 0.75, (-INF, INF), ("0.50", "0.75")),
    ],
)
def test_no_decimal_is_shown_of_which_the_interval_knows_nothing(
    base: float, head: float, interval: tuple[float, float], texts: tuple[str, str]
) -> None:
    assert numbers.pair(base, head, interval) == texts


@pytest.mark.parametrize("exponent", range(-300, 300, 7))
def test_two_digits_of_any_difference_of_a_millionth_can_be_seen(exponent: int) -> None:
    base = 1.2345 * 10.0**exponent
    before, after = numbers.pair(base, base * (1 + 1.2e-6))
    assert before != after


@pytest.mark.parametrize(
    ("base", "head", "direction", "text"),
    [
        (0.95, 0.945, "higher", "▼ −0.005 (−0.526 %) worse"),
        (0.95, 0.96, "higher", "▲ +0.01 (+1.05 %) better"),
        (2.0, 1.0, "lower", "▼ −1 (−50 %) better"),
        (1.0, 2.0, "lower", "▲ +1 (+100 %) worse"),
        (-10.0, -9.0, None, "▲ +1 (+10 %)"),
        (0.0, 0.5, None, "▲ +0.5"),
        (0.5, 0.5, "higher", "="),
        (None, 0.5, "higher", "—"),
        (0.5, NAN, "higher", "—"),
    ],
)
def test_a_change_says_where_it_went_and_what_that_means(
    base: float | None, head: float | None, direction: str | None, text: str
) -> None:
    assert direction in (None, "higher", "lower")
    assert numbers.change(base, head, direction).replace("\u00a0", " ") == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.042, "0.042 s"), (59.7, "1 min"), (12.5, "12 s"), (200, "3 min 20 s"), (3720, "1 h 2 min"), (0, "0 s")],
)
def test_a_duration_has_units(value: float, text: str) -> None:
    assert numbers.seconds(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(999, "999 B"), (12_345_678, "12.3 MB"), (999_999, "1 MB"), (None, "—"), (10**18, "1000 PB")]
)
def test_a_size_has_units(value: int | None, text: str) -> None:
    assert numbers.size(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((-0.004, 0.0111), "[−0.004, +0.0111]"),
        ((-0.0608123, 0.0061567), "[−0.0608, +0.0062]"),
        ((-0.04, -1.73e-17), "[−0.04, 0]"),
        ((-1_234_567.0, 2_345_678.0), "[−1230000, +2350000]"),
        ((0.5, 0.5), "[+0.5, +0.5]"),
        ((-math.inf, 0.25), "[−Infinity, +0.25]"),
    ],
)
def test_an_interval_has_signs_and_the_digits_that_its_width_is_worth(bounds: tuple[float, float], text: str) -> None:
    assert numbers.interval(bounds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "beside", "digits", "text"),
    [
        (0.85, 0.9, 4, "0.85"),
        (0.89999999, 0.9, 4, "0.89999999"),
        (0.9, 0.9, 4, "0.9"),
        (0.4968, 0.5, 2, "0.497"),
        (-0.30004, -0.3, 2, "−0.30004"),
        (0.30000000000000004, 0.3, 4, "0.30000000000000004"),
        (10000002.0, 10000001.0, 4, "10000002"),
        (NAN, 0.9, 4, "NaN"),
        (INF, 0.9, 4, "Infinity"),
    ],
)
def test_a_number_beside_its_limit_never_looks_like_it(value: float, beside: float, digits: int, text: str) -> None:
    assert numbers.apart(value, beside, digits) == text


def test_the_noise_of_floating_point_is_no_change() -> None:
    base = 0.42026734163
    head = math.nextafter(math.nextafter(base, 1), 1)
    assert numbers.change(base, head, "higher") == "="
    assert len(set(numbers.pair(base, head))) == 1


@pytest.mark.parametrize(
    ("value", "limit", "shown"), [(1.998, 1, "2"), (0.4997, 0.5, "0.4997"), (1.004, 1, "1.004"), (107.3, 5, "107")]
)
def test_a_bound_has_two_digits_unless_they_hide_on_which_side_of_the_limit_it_is(
    value: float, limit: float, shown: str
) -> None:
    assert numbers.beyond(value, limit) == shown
