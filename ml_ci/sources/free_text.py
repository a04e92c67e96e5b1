"""Metrics in free text: what people print and write to `metrics.txt`.

Read are `Accuracy = 0.95, F1 Score = 0.86`, `loss: 4e-07`, `accuracy 37.3%`, `- loss: 0.3 - acc: 0.9`,
`{'acc': np.float64(0.9)}`, `| accuracy | 0.95 |` and scikit-learn's classification report. A number counts only where
a name is clearly its own, so that times, versions, paths and counts in prose are no metrics.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from ml_ci.records import Metric
from ml_ci.sources.file_text import number
from ml_ci.sources.stream import plain

_NUMBER = r"(?P<number>[+-]?(?:(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?|(?i:nan|inf(?:inity)?)))(?P<percent>\s?%)?"
_END = r"(?=$|[\s;|)\]}]|,(?!\d)|\.(?:\s|$))"
_WORD = r"(?:[\w@#^][\w\-./@#^²%]*|\([\w \-.@%+/]*\))"
_NAME = rf"(?<![\w\-./@#^²%])(?P<name>{_WORD}(?: {_WORD}){{0,7}})"

_ASSIGNED = re.compile(rf"{_NAME}\s*[:=]\s*{_NUMBER}{_END}")
_BESIDE = re.compile(rf"\s*{_NAME}(?P<gap>\s+){_NUMBER}\s*\.?\s*")
_STEP = re.compile(r"(?i)\b(?:global_step|step|epoch|iter(?:ation)?)\b\s*[:=#\[]?\s*(\d+)")
_WRAPPED = re.compile(r"\b(?:np\.)?(?:float\d*|tensor|array)\(\s*+([^\s(),]++)[^()]*+\)")
# each begins where what it is made of begins, and nowhere within: else a line of 10,000 letters takes a second
_NOISE = re.compile(
    r"(?<!\w)\w+://\S+"
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?\b"
    r"|(?<![\w.\-])[\w.\-]+\.(?:py|ipynb|cpp|cc|c|h|js|sh|R|jl):\d+"
    r"|\blocalhost:\d+|\b\d+(?:\.\d+){3}(?::\d+)?"
)
_FILLERS = {"is", "was", "of", "are", "the", "equals"}
_LEVELS = {"DEBUG", "INFO", "WARN", "WARNING", "ERROR"}
_NO_METRIC = {
    "epoch", "step", "global_step", "iter", "iteration", "version", "python", "line", "port", "pid", "seed",
    "date", "time", "timestamp", "cuda", "page",
}  # fmt: skip
_REPORT = re.compile(r"\s*precision\s+recall\s+f1-score\s+support\s*")
_REPORT_ROW = re.compile(r"\s*(?P<name>\S.*?)\s{2,}(?P<numbers>[\d.]+(?:\s+[\d.]+)*)\s*")


def read_free_text(text: str) -> Iterator[tuple[str, Metric]]:
    """The metrics in a text. A name that comes again and again is a curve, by the step or epoch in its line if any."""
    found: defaultdict[str, list[tuple[int | None, float]]] = defaultdict(list)
    in_report = False
    for raw in text.split("\n"):
        line = raw[:10_000]
        if _REPORT.fullmatch(line):
            in_report = True
            continue
        row = _report_row(line) if in_report else []
        step = None if row else _STEP.search(line)
        for name, value in row or _pairs(line):
            found[name].append((int(step[1]) if step and len(step[1]) < 16 else None, value))
    for name, seen in found.items():
        yield name, Metric(value=seen[-1][1], history=_history(seen))


def _history(seen: list[tuple[int | None, float]]) -> tuple[tuple[int, float], ...]:
    steps = [step for step, _ in seen if step is not None]
    rising = len(steps) == len(seen) and all(one < two for one, two in pairwise(steps))
    return tuple((steps[index] if rising else index, value) for index, (_, value) in enumerate(seen))


def _pairs(line: str) -> list[tuple[str, float]]:
    line = _WRAPPED.sub(r"\1", _NOISE.sub(" ; ", plain(line)))
    line = re.sub(r"[*`'\"]", "", line)
    pairs = [(match["name"], _value(match)) for match in _ASSIGNED.finditer(line)]
    if not pairs and line.strip().startswith("|"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        line = "\t".join(cells) if len(cells) == 2 else ""
    if not pairs:
        for part in re.split(r"[;|]|,(?!\d)", line):
            match = _BESIDE.fullmatch(part)
            if match and (match["gap"] != " " or match["percent"] or re.search(r"[.eEnN]", match["number"])):
                pairs.append((match["name"], _value(match)))
    named = [(_name(name), value) for name, value in pairs]
    return [(name, value) for name, value in named if name]


def _name(name: str) -> str:
    words = name.split()
    while words and words[-1].lower() in _FILLERS:
        words.pop()
    while words and words[0] in _LEVELS:
        del words[0]
    short = " ".join(words)
    return short if re.search(r"[^\W\d]", short) and words[-1].lower() not in _NO_METRIC else ""


def _value(match: re.Match[str]) -> float:
    value = number(match["number"] + ("%" if match["percent"] else ""))
    return float("nan") if value is None else value


def _report_row(line: str) -> list[tuple[str, float]]:
    """A row of a classification report, named as `classification_report(output_dict=True)` does."""
    match = _REPORT_ROW.fullmatch(line)
    numbers = [number(each) for each in match["numbers"].split()] if match else []
    values = [each for each in numbers if each is not None]
    if not match or len(values) != len(numbers):
        return []
    if len(values) == 4:
        kinds = ("precision", "recall", "f1-score", "support")
        return [(f"{match['name']}.{kind}", value) for kind, value in zip(kinds, values, strict=True)]
    return [(match["name"], values[0])] if len(values) == 2 else []
