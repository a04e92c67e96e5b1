"""DVC's plots as data: what `plots` of dvc.yaml and dvclive's files say, read where training left them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ml_ci.data_plots import MOST_PLOTS, MOST_POINTS, DataPlot, Template
from ml_ci.errors import OutsideError
from ml_ci.sources.data import find_dvc
from ml_ci.sources.dvc_plot_columns import Column
from ml_ci.sources.dvc_plot_data import Table, Wanted, read_fields
from ml_ci.sources.dvc_plot_definitions import Definition, Definitions, Field, definitions
from ml_ci.sources.dvc_plot_series import TEMPLATES, Pair, UndrawableError, axes_with_names, plots_of, thinned
from ml_ci.sources.dvc_settings import cache_folder
from ml_ci.sources.file_text import BrokenFileError
from ml_ci.sources.true_place import is_file, is_own

MOST_POINTS_OF_ALL = 20_000
"""Points of all plots of a run, so that its record stays small."""

_MOST_WARNINGS, _MOST_NAMES = 20, 5


def read_plots(
    directory: Path, top: Path, counts: Callable[[Path], bool], known: Definitions | None = None
) -> tuple[tuple[DataPlot, ...], tuple[str, ...]]:
    """The plots that the dvc.yaml files of `directory` define, and warnings of those that cannot be read, or not whole.

    `top` is the repository's; paths in names and warnings are relative to it. A file counts only where `counts` says so:
    where this training wrote it, or DVC vouches for it. Nothing is read that is not in the repository or DVC's cache.

    `known` is what `definitions` says, for who asks more than one of these: in a large repository the search takes time.
    """
    found = known or definitions(directory, top)
    reader = _Reader(top, _caches(directory, top), counts, found)
    plots = [plot for definition in found.plots.values() for plot in reader.read(definition)]
    if len(plots) > MOST_PLOTS:
        found.warnings.append(f"DVC has {len(plots)} plots here: only the first {MOST_PLOTS} are shown.")
    kept = _within_budget(plots[:MOST_PLOTS], found.warnings)
    return kept, _said(found)


def declared_files(directory: Path, top: Path, known: Definitions | None = None) -> list[Path]:
    """The data files that the definitions name, there or not yet, whose writing has to be noticed."""
    names = [file for plot in (known or definitions(directory, top)).plots.values() for file in plot.files]
    return [top / name for name in dict.fromkeys(names)]


def declared_images(directory: Path, top: Path, known: Definitions | None = None) -> list[Path]:
    """The images among DVC's plots that are there: files of the repository, or links into DVC's cache."""
    caches = _caches(directory, top)
    paths = (top / name for name in (known or definitions(directory, top)).images)
    return [path for path in paths if is_file(path) and is_own(path, top, caches)]


class _Reader:
    """Reads each file once for all the plots that it is in; one that cannot be read is remembered with its reason."""

    def __init__(self, top: Path, caches: list[Path], counts: Callable[[Path], bool], found: Definitions) -> None:
        self.top, self.caches, self.counts, self.found = top, caches, counts, found
        self.wanted: dict[tuple[str, bool], set[Wanted]] = {}
        self.tables: dict[tuple[str, bool], Table | BrokenFileError] = {}
        for definition in found.plots.values():
            for x, y in _axes(definition):
                for field, named in zip((x, y), axes_with_names(_template(definition)), strict=True):
                    if field:
                        key = (field.file, definition.header)
                        self.wanted.setdefault(key, set()).add(Wanted(field.name, named))

    def read(self, definition: Definition) -> list[DataPlot]:
        """The plot, or none: then it is known why it was left out. One with several confusion matrices is several."""
        if definition.template not in TEMPLATES:
            self._remark(definition, f"Shown as lines, since ml-ci does not draw the template {definition.template}")
        axes = _axes(definition)
        if not axes:
            self._remark(definition, "Left out, since its definition has not as many fields for x as for y")
        pairs: list[Pair] = []
        missing: list[str] = []
        for x, y in axes:
            try:
                pairs.append(self._pair(definition, x, y))
            except (BrokenFileError, UndrawableError) as error:
                missing.append(str(error))
        for why in missing:
            self._remark(definition, f"Not whole, since {why}" if pairs else f"Left out, since {why}")
        plots, remarks = plots_of(definition, _template(definition), pairs)
        for remark in remarks:
            self._remark(definition, remark)
        return plots

    def _remark(self, definition: Definition, what: str) -> None:
        self.found.remarks.append((what, definition.name))

    def _pair(self, definition: Definition, x: Field | None, y: Field) -> Pair:
        named_x, named_y = axes_with_names(_template(definition))
        y_name, y_column = self._column(y, named=named_y, header=definition.header)
        if x is None:
            return Pair(y.file, y_name, None, None, y_column)
        x_name, x_column = self._column(x, named=named_x, header=definition.header)
        if x_column.rows != y_column.rows:
            raise UndrawableError(
                f"{x_name} of {x.file} has {x_column.rows} rows and {y_name} of {y.file} has {y_column.rows}"
            )
        return Pair(y.file, y_name, x_name, x_column, y_column)

    def _column(self, field: Field, *, named: bool, header: bool) -> tuple[str, Column]:
        table = self._table(field.file, header=header)
        name = table.field(Wanted(field.name, named))
        column = table.columns.get((name, named))
        if column is None:
            raise UndrawableError(f"{field.file} has no field {name[:60]}")
        return name, column

    def _table(self, file: str, *, header: bool) -> Table:
        key = (file, header)
        if key not in self.tables:
            try:
                self._check(self.top / file)
                self.tables[key] = read_fields(self.top / file, self.wanted[key], header=header)
            except BrokenFileError as error:
                line = f"{file}, line {error.line}, cannot be read: " if error.line else ""
                self.tables[key] = BrokenFileError(f"{line}{error}")
        table = self.tables[key]
        if isinstance(table, BrokenFileError):
            raise table
        return table

    def _check(self, path: Path) -> None:
        if not is_file(path):
            raise BrokenFileError("there is no such file")
        if not is_own(path, self.top, self.caches):
            raise BrokenFileError("it is a link that leads out of the repository")
        if not self.counts(path):
            raise BrokenFileError("this training did not write its data")


def _template(definition: Definition) -> Template:
    return TEMPLATES.get(definition.template, "linear")


def _axes(definition: Definition) -> list[tuple[Field | None, Field]]:
    """Each `y` with its `x`; nothing where it is not known which belongs to which."""
    if len(definition.x) < 2:
        one = definition.x[0] if definition.x else None
        return [(one, y) for y in definition.y]
    return list(zip(definition.x, definition.y, strict=True)) if len(definition.x) == len(definition.y) else []


def _caches(directory: Path, top: Path) -> list[Path]:
    """DVC's cache, which its links lead to."""
    root = find_dvc(directory, top)
    try:
        return [cache_folder(root)] if root else []
    except OutsideError:
        return []


def _within_budget(plots: list[DataPlot], warnings: list[str]) -> tuple[DataPlot, ...]:
    """The plots with fewer points each, where they have too many together."""
    series = sum(len(plot.series) for plot in plots)
    points = sum(len(each.x) for plot in plots for each in plot.series)
    if points <= MOST_POINTS_OF_ALL:
        return tuple(plots)
    each = max(MOST_POINTS_OF_ALL // series, 20)
    warnings.append(f"DVC's plots have {points} points together: each series is thinned to {min(each, MOST_POINTS)}.")
    return tuple(thinned(plot, each) for plot in plots)


def _said(found: Definitions) -> tuple[str, ...]:
    """The warnings; what holds for several plots is said once."""
    names: dict[str, list[str]] = {}
    for what, name in found.remarks:
        if name not in names.setdefault(what, []):
            names[what].append(name)
    sentences = list(dict.fromkeys([*found.warnings, *(_sentence(what, who) for what, who in names.items())]))
    more = len(sentences) - _MOST_WARNINGS
    return (*sentences[:_MOST_WARNINGS], *([f"There are {more} more warnings of DVC's plots."] if more > 0 else []))


def _sentence(what: str, names: list[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"DVC's plot{'s' if len(names) > 1 else ''} {shown}{more}: {what[:1].lower()}{what[1:]}."
