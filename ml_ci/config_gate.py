"""`gate`, `slices` and `policy` of `.ml-ci.yml`: what the verdict stands on."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial

from ml_ci import config_values as values
from ml_ci.config import (
    DIRECTIONS,
    PERMISSIONS,
    RULES_OF,
    SCHEMA_RULES,
    DataGate,
    Direction,
    Policy,
    PredictionsSpec,
    Rule,
    SliceRule,
)
from ml_ci.config_keys import DATA_GATE, POLICY, RULE, SLICE, home, known, read, unsupported
from ml_ci.config_values import mapping
from ml_ci.config_yaml import Field, Fields, Items, Node, quoted

_RULE_EXAMPLE = "{direction: higher, min: 0.9}"
_SLICE_EXAMPLE = "{metric: accuracy, max-regression: 0.03}"


def gate(field: Field) -> tuple[Rule, ...]:
    """`gate`: one rule for each metric that matters, in the file's order."""
    rules = mapping(field, f"accuracy: {_RULE_EXAMPLE}").fields
    if "data" in rules:
        raise unsupported(rules["data"], "gate.data")
    return tuple(_rule(rule) for rule in rules.values())


def data_gate(field: Field) -> DataGate | None:
    """`data` of the gate, which is no metric: what tables of data must not do."""
    rules = mapping(field, f"accuracy: {_RULE_EXAMPLE}").fields
    if "data" not in rules:
        return None
    found = known(mapping(rules["data"], "{schema: additive}"), DATA_GATE)
    return DataGate(
        schema=read(found, "schema", partial(values.choice, choices=SCHEMA_RULES), None),
        max_missing=read(found, "max-missing", values.share, None),
        max_drift=read(found, "max-drift", values.share, None),
    )


def slices(field: Field, rules: tuple[Rule, ...], predictions: PredictionsSpec | None) -> tuple[SliceRule, ...]:
    """`slices`: one rule, or a list of them.

    `rules` are those of the gate, which give the direction where the slice's own rule does not. `predictions` must
    name the columns whose values part the examples.
    """
    found = tuple(_slice_rule(item, rules) for item in _rules_for_slices(field))
    for index, rule in enumerate(found):
        if rule.metric in [before.metric for before in found[:index]]:
            raise field.place.error(f'"slices" has two rules for {quoted(rule.metric)}; take one out.')
    if predictions is None or not predictions.slices:
        missing = '"predictions"' if predictions is None else '"slices" under "predictions"'
        raise field.place.error(
            f'"slices" needs {missing}, which names the columns that part the examples; '
            "add predictions: {path: predictions.csv, slices: [region]}, or take it out."
        )
    if predictions.metrics is not None:
        computed = (*predictions.metrics, *predictions.columns)
        for rule in found:
            if rule.metric not in computed:
                raise field.place.error(
                    f'"slices" has a rule for {quoted(rule.metric)}, which is not computed from the predictions; '
                    'add it to "metrics" under "predictions".'
                )
    return found


def policy(field: Field) -> Policy:
    """`policy`: what the verdict is where the evidence does not decide."""
    found = known(mapping(field, "{no-baseline: fail}"), POLICY)
    default, permission = Policy(), partial(values.choice, choices=PERMISSIONS)
    return Policy(
        confidence=read(found, "confidence", values.confidence, default.confidence),
        inconclusive=read(found, "inconclusive", permission, default.inconclusive),
        no_baseline=read(found, "no-baseline", permission, default.no_baseline),
        rules=read(found, "rules", partial(values.choice, choices=RULES_OF), default.rules),
    )


def _rule(field: Field) -> Rule:
    name = quoted(field.key)
    values.metric_name(field.key, field.place)
    if not isinstance(field.value, Fields):
        if field.key in (*RULE, *POLICY):
            raise field.place.error(f"{name} is not a metric; it belongs {home(field.key)}.")
        raise field.place.error(f"the rule for {name} must be a mapping such as {_RULE_EXAMPLE}.")
    found = known(field.value, RULE)
    if "direction" not in found:
        raise field.place.error(
            f'the rule for {name} has no direction; add "direction: higher" if more is better, else "direction: lower".'
        )
    direction = values.choice(found["direction"], DIRECTIONS)
    if len(found) == 1:
        raise field.place.error(f"the rule for {name} has no limit; add min, max or max-regression.")
    least = read(found, "min", values.number, None)
    most = read(found, "max", values.number, None)
    if least is not None and most is not None and least > most:
        raise found["min"].place.error(f"the rule for {name} has min {least:g} above max {most:g}; nothing can pass.")
    regression = read(found, "max-regression", values.tolerance, None)
    return Rule(metric=field.key, direction=direction, min=least, max=most, max_regression=regression)


def _rules_for_slices(field: Field) -> tuple[Fields, ...]:
    value = field.value
    items: tuple[Node, ...] = value.values if isinstance(value, Items) else (mapping(field, _SLICE_EXAMPLE),)
    if not items:
        raise field.place.error(f"the list of {quoted(field.key)} is empty; write a rule, or leave the key out.")
    found = []
    for item in items:
        if not isinstance(item, Fields):
            raise item.place.error(
                f'each of "slices" must be a mapping such as {_SLICE_EXAMPLE}; the names of the columns belong in '
                '"slices" under "predictions".'
            )
        found.append(item)
    return tuple(found)


def _slice_rule(fields: Fields, rules: tuple[Rule, ...]) -> SliceRule:
    found = known(fields, SLICE)
    if "metric" not in found:
        raise fields.place.error(f'a rule of "slices" names no metric; write one such as {_SLICE_EXAMPLE}.')
    metric = values.metric_name(values.text(found["metric"]), found["metric"].place)
    return SliceRule(
        metric=metric,
        direction=_direction_in_slices(metric, found, rules),
        max_regression=read(found, "max-regression", values.tolerance, None),
        min_size=read(found, "min-size", values.whole_number, 50),
    )


def _direction_in_slices(metric: str, found: dict[str, Field], rules: tuple[Rule, ...]) -> Direction:
    own = values.choice(found["direction"], DIRECTIONS) if "direction" in found else None
    gated = next((rule.direction for rule in rules if rule.metric == metric), None)
    if own and gated and own != gated:
        raise found["direction"].place.error(
            f"{quoted(metric)} is better when it is {own} here, and when it is {gated} in the gate; "
            "take the direction out here, or correct one of them."
        )
    direction = own or gated
    if direction is None:
        place, gates = found["metric"].place, tuple(rule.metric for rule in rules)
        if meant := get_close_matches(metric, gates, n=1):
            raise place.error(
                f"{quoted(metric)} has no direction here, and the gate has no rule for it but one for "
                f"{quoted(meant[0])}; write the name the same way in both, or add a direction here."
            )
        raise place.error(
            f"{quoted(metric)} has no direction here, and no rule in the gate to take it from; "
            'add "direction: higher" if more is better, else "direction: lower".'
        )
    return direction
