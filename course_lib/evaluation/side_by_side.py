"""One table of many models: `compare(models, dataset)`. Lesson 13.

All meet the same held-out images, the same number of samples, the same seed, rounding and judge;
a score that a model cannot have is a dash. Each score stands with its error and beside its floor,
and what is no more than chance apart is told by `probability_of_improvement` over seeds, not here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from course_lib.data import DataSet
from course_lib.data.toy import Toy
from course_lib.errors import CourseError, mapping, one_of
from course_lib.evaluation.report import report, sizes, tried
from course_lib.evaluation.table import Report, Row, Table, number


@dataclass(frozen=True, repr=False)
class Comparison(Table):
    """Reports of several models on one data set. `found["dcgan"]["FD on digit features"].value`
    is one number; printed, it is one row a score and one column a model.
    """

    about: str
    reports: dict[str, Report]

    def __getitem__(self, model: str) -> Report:
        one_of("model", model, self.reports)
        return self.reports[model]

    def scores(self) -> dict[str, dict[str, Row]]:
        """Score → model → row: the scores that any model has, in the order of the reports."""
        found: dict[str, dict[str, Row]] = {}
        for model, one in self.reports.items():
            for row in one:
                found.setdefault(row.name, {})[model] = row
        some = lambda rows: any(row.value is not None for row in rows.values())
        return {score: rows for score, rows in found.items() if some(rows)}

    def joined(self, more: Mapping[str, Iterable[Row]]) -> Comparison:
        """The same table with further rows of its models, such as what they cost.

        Raises CourseError for a model that is not there, and for a score that already is.
        """
        reports = dict(self.reports)
        for model, rows in mapping("more", more, '{"GAN": [Row("votes", 12)]}').items():
            reports[model] = replace(self[model], rows=(*self[model], *rows))
            names = [row.name for row in reports[model]]
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise CourseError(
                    f"{model} would have two rows {twice[0]!r}: give the new one another name."
                )
        return Comparison(self.about, reports)

    def cells(self) -> list[tuple[str, ...]]:
        """The table as text, its head first."""
        table = [("score", *self.reports, "floor")]
        for score, rows in self.scores().items():
            floors = {number(row.floor) for row in rows.values() if row.value is not None}
            units = {row.unit for row in rows.values() if row.unit}
            name = f"{score} ({units.pop()})" if len(units) == 1 else score
            values = [_told(rows.get(model)) for model in self.reports]
            table.append((name, *values, floors.pop() if len(floors) == 1 else "differs"))
        return table

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON."""
        models = {name: one.to_dict() for name, one in self.reports.items()}
        return {"about": self.about, "models": models}


def compare(
    models: Mapping[str, object],
    dataset: DataSet,
    *,
    n: int | None = None,
    held_out: int | None = None,
    seed: int = 0,
    budget: str | None = None,
    train: DataSet | None = None,
    density: Toy | None = None,
) -> Comparison:
    """Every score of every model, by name, against the held-out `dataset`.

    The options are those of `report`, the same for all. Raises CourseError before any long work
    if one of the models does not fit the data.
    """
    if not isinstance(models, Mapping) or not models:
        raise CourseError('Pass models by name: compare({"GAN": gan, "VAE": vae}, dataset).')
    for name in models:
        if not isinstance(name, str):
            raise CourseError(f'The name of a model is a text such as "GAN", not {name!r:.60}.')
    n, held_out = sizes(dataset, n, held_out, seed, budget, train)
    for name, model in models.items():
        with _named(name):
            tried(model, dataset, n, seed)
    options = {"n": n, "held_out": held_out, "seed": seed, "train": train, "density": density}
    reports, known = {}, {}
    for name, model in models.items():
        with _named(name):
            reports[name] = report(model, dataset, **options, known=known)
    where = f"{dataset.card.name} ({dataset.card.split})" if dataset.card.split else "data"
    return Comparison(f"{len(reports)} models against {where}", reports)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Within it a CourseError begins with the model's name."""
    try:
        yield
    except CourseError as error:
        raise CourseError(f"{name}: {error}") from error


def _told(row: Row | None) -> str:
    if row is None or row.value is None:
        return "—"
    return number(row.value) + (f" ± {number(row.error)}" if row.error is not None else "")
