"""Which columns follow from others: a total, a product, "hot" from 25 on, a city's country, a return.

Only what holds in every row is a rule, but for rounding. A column can be made of one that is made.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from contract import times
from training.data.columns import BY_ITSELF, Column
from training.data.dataset import Dataset
from training.data.rules.changes import changes
from training.data.rules.fixing import fixed
from training.data.rules.labelled import cuts, tables
from training.data.rules.looking_back import looking_back
from training.data.rules.making import Rules
from training.data.rules.nearly import begun_nearly, nearly, running
from training.data.rules.rule import Fixed, Product, Rule, Sum, said_of
from training.data.rules.search import FEWEST, Search
from training.data.rules.sums import products, sums

_SAID, _NEAR = 20, 5
"""Rules that are said one by one, and such as nearly hold."""


def told(dataset: Dataset, learnt: Collection[str], whole: bool) -> Dataset:
    """The same with the rules that its columns keep, but for those that are to be `learnt`, and what is to
    be said of them. `whole`: sequences are learnt from their first row on."""
    if len(dataset.values) < FEWEST:
        return dataset
    search = Search(dataset, {n for n, c in enumerate(dataset.columns) if c.name in learnt})
    rules = _ordered([*_found(search, dataset, whole)])
    near = [*nearly(dataset, search, lambda inner, part: _found(inner, part, whole))]
    near += begun_nearly(rules, dataset) if whole else []
    broken = [_broken(rule, rows, dataset) for rule, rows in near]
    refused = [
        f"in every row {_plainly(rule, dataset)}, and is learnt all the same: {why}"
        for rule, why in search.broken_in_samples()
    ]
    refused += [
        f"{dataset.columns[total].name!r} adds up {dataset.columns[part].name!r}, and is learnt all the "
        "same: a sum without end would wander off, so in samples it does not add up"
        for total, part in running(dataset, search)
    ]
    dataset = replace(dataset, notes=(*dataset.notes, *broken[:_NEAR], *refused[:_NEAR]))
    if not rules:
        return dataset
    hidden = tuple(f"{dataset.columns[i].name!r} is " for i in Rules.of(rules, dataset.columns).hidden)
    kept = (n for n in dataset.notes if not (n.endswith(BY_ITSELF) and n.startswith(hidden)))
    dataset = replace(dataset, notes=tuple(kept))
    texts = said_of(rules, dataset.columns)
    said = {r.column: _told_of(r, texts[r.column], dataset.columns) for r in rules}
    notes = [f"in every row, and so in every sample, {text}" for text in [*said.values()][:_SAID]]
    if len(said) > _SAID:
        more = ", ".join(repr(dataset.columns[i].name) for i in [*said][_SAID:])
        notes.append(f"and so follow {more}")
    first = dataset.columns[rules[0].column]
    named = f"--{'categorical' if first.labels else 'continuous'} {quote(first.name)}"
    notes.append(f"what follows is made of the others and not learnt; name it to learn it, as with {named}")
    return replace(dataset, rules=tuple(rules), notes=(*dataset.notes, *notes))


def _found(search: Search, dataset: Dataset, whole: bool) -> Iterator[Rule]:
    """What holds in every row, each in a turn in which it is not made of anything better."""
    numbers = [*search.numbers.values()]
    yield from products(search, plain=True)
    yield from sums(search, numbers)
    yield from products(search, plain=False)
    yield from cuts(search, numbers)
    yield from tables(search)
    yield from looking_back(search, dataset, whole)
    yield from changes(search, dataset, whole)
    yield from fixed(search, dataset)


def _broken(rule: Rule, rows: NDArray[np.intp], dataset: Dataset) -> str:
    """What is to be said of a rule that some rows break."""
    first = rows[:3]
    lines = dataset.lines[first] if len(dataset.lines) else first + 1
    where = ", ".join(f"{line:,}" for line in lines.tolist()) + (" …" if len(rows) > len(first) else "")
    if dataset.time is not None and len(dataset.ticks):
        where += f", of {', '.join(times.texts(dataset.time, dataset.ticks[first]))}"
    columns = [rule.column, *rule.sources]
    values = dataset.values[rows][:, columns]  # (rows broken, columns)
    labelled = np.array([bool(dataset.columns[i].labels) for i in columns])
    empty = int((np.isnan(values) | ((values == -1) & labelled)).any(axis=1).sum())
    where += f", where a cell is empty{'' if empty == len(rows) else f' in {empty}'}" if empty else ""
    said = _plainly(rule, dataset) if rule.begins == "learnt" else _said(rule, dataset.columns)
    return (
        f"{said} in all {len(dataset.values):,} rows but {len(rows)} (row {where}): if there is a mistake, "
        "mend it, and it will hold in every sample; if not, it is learnt as it is"
    )


def _ordered(rules: Sequence[Rule]) -> list[Rule]:
    """The same as the table has them, but for what is made of what is made later. What is made in some rows
    is so before it is fixed in others."""
    left, found = sorted(rules, key=lambda rule: (rule.column, isinstance(rule, Fixed))), list[Rule]()
    while left:
        late = {rule.column for rule in left}
        made = {rule.column for rule in left if not isinstance(rule, Fixed)}
        found.append(
            next(
                rule
                for rule in left
                if not late & {*rule.sources} and not (isinstance(rule, Fixed) and rule.column in made)
            )
        )
        left.remove(found[-1])
    return found


def _plainly(rule: Rule, dataset: Dataset) -> str:
    """The same as `_said`, whatever the first rows are."""
    return _said(replace(rule, begins=None), dataset.columns)


def _said(rule: Rule, columns: Sequence[Column]) -> str:
    return _told_of(rule, rule.said(columns), columns)


def _told_of(rule: Rule, text: str, columns: Sequence[Column]) -> str:
    """The `text` of a rule, or of all of its column, as a sentence."""
    how = "is" if isinstance(rule, Sum | Product | Fixed) else "goes by"
    return f"{columns[rule.column].name!r} {how} {text}"
