"""Explanations over samples: the size of every driver's attributions, what they look like sample by sample, dependence, permutation importance."""

import numpy as np
import pandas as pd

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part, silent
from soilcore.project.chain import places_to_map, projected_places
from soilcore.project.explain_words import sentences

PERMUTATIONS = 5
_POINTS = 300  # of a beeswarm: more hide one another
_DRIVERS = 20  # of which single samples are told
_DEPENDENT = 8
_DRAWS, _NETWORK_SAMPLES, _BASELINES = 24, 100, 50


def explain_samples(task, model, asked, folder, report=silent):
    """Explain samples.

    Parameters
    ----------
    task : ExplainTask
    model : FittedModel
    asked : ToExplain
    folder : pathlib.Path
        Where tables are written: ``drivers.csv``, ``attributions.csv``, ``importance.csv``.
    report : Report

    Returns
    -------
    dict
        ``of``: which samples, ``n`` explained of ``available``; ``scale``, ``base``, ``prediction`` (mean), ``additivity_error``, ``sampling_error``,
        ``text``, ``note``, ``sentences``, ``assumed``. Tabular: ``rows`` by driver and ``group_rows`` by group (as `soilcore.explanation.importance.attribution_rows`,
        with ``value`` and ``contribution``, means over samples, and ``members``); ``beeswarm`` and ``group_beeswarm`` (``features``, ``samples``,
        ``values`` and ``contributions`` by feature); ``dependence``, one per driver (see `soilcore.explanation.dependence`); ``importance`` (see
        `soilcore.explanation.importance`) or None, ``importance_note``. Networks: as `soilcore.explanation.networks.network_explanation`.
    """
    rows = _drawn(len(asked.X), task)
    if getattr(model.learner, "uses_surroundings", False):
        return _of_network(task, model, asked, rows, folder, report)
    return _of_table(task, model, asked, rows, folder, report)


def _drawn(available, task):
    """Positions of the samples that are explained, ascending."""
    if available <= task.most:
        return np.arange(available)
    return np.sort(np.random.default_rng(task.seed).permutation(available)[: task.most])


def _of_table(task, model, asked, rows, folder, report):
    from soilcore.explanation.grouping import exact_dependency_groups, grouped
    from soilcore.explanation.importance import attribution_rows
    from soilcore.explanation.tabular import ATTRIBUTION_IS_NO_CAUSE, explain_rows

    permutations = PERMUTATIONS if task.permutations is None else task.permutations
    share = 0.3 if permutations else 0.9
    X, places = asked.X.iloc[rows], None if asked.coordinates is None else np.asarray(asked.coordinates, float)[rows]
    explained = explain_rows(model, X, coordinates=places, draws=task.draws, seed=task.seed, report=part(report, 0, share))
    groups = exact_dependency_groups(explained.names, dict(model.recipe.get("formulas", ())))
    together = grouped(explained, groups)
    members = {label: list(names) for label, names in groups.items()}
    driver_rows = _with_means(attribution_rows(explained), explained)
    importance, why = _importance(task, model, asked, groups, permutations, part(report, share, 1 - share))
    _write_tables(folder, X.index, explained, driver_rows, importance)
    found = {
        "of": asked.of,
        "n": len(rows),
        "available": len(asked.X),
        "scale": explained.scale,
        "base": explained.base,
        "prediction": float(explained.predicted.mean()),
        "additivity_error": explained.additivity_error,
        "sampling_error": explained.sampling_error,
        "exact": explained.exact,
        "how": explained.how,
        "rows": driver_rows,
        "group_rows": [{**row, "members": members[row["feature"]]} for row in _with_means(attribution_rows(together), together)],
        "beeswarm": _beeswarm(explained, X.index, task.seed),
        "group_beeswarm": _beeswarm(together, X.index, task.seed),
        "dependence": _dependence(explained, driver_rows, task.seed),
        "importance": importance,
        "importance_note": why,
        "text": ATTRIBUTION_IS_NO_CAUSE,
        "note": explained.note,
        "assumed": asked.said,
    }
    return {**found, "sentences": sentences(found)}


def _with_means(rows, explained):
    """Rows with the mean value of each driver (None where it has none) and its mean attribution, which add up to the mean prediction."""
    place = {name: number for number, name in enumerate(explained.names)}
    given = {name: explained.given[:, number] for name, number in place.items()}
    values = {name: float(known.mean()) if np.isfinite(known).all() else None for name, known in given.items()}
    return [{"feature": row["feature"], "value": values[row["feature"]], "contribution": row["mean"], **row} for row in rows]


def _beeswarm(explained, index, seed):
    """Values and attributions of the strongest drivers, sample by sample; of many samples some."""
    count = len(explained.values)
    chosen = np.arange(count) if count <= _POINTS else np.sort(np.random.default_rng(seed).permutation(count)[:_POINTS])
    strongest = np.argsort(-np.abs(explained.values).mean(axis=0), kind="stable")[:_DRIVERS]
    return {
        "features": [explained.names[number] for number in strongest],
        "samples": np.asarray(index)[chosen],
        "values": explained.given[np.ix_(chosen, strongest)].T,
        "contributions": explained.values[np.ix_(chosen, strongest)].T,
    }


def _dependence(explained, rows, seed):
    """Dependence of the strongest drivers that have values."""
    from soilcore.explanation.dependence import dependence

    names = [row["feature"] for row in rows if row["value"] is not None and row["mean_abs"] > 0][:_DEPENDENT]
    return [dependence(explained, name, seed=seed) for name in names]


def _importance(task, model, asked, groups, permutations, report):
    """Permutation importance under the model's own folds, or None and why."""
    if not permutations:
        return None, "Permutation importance was not asked for."
    if asked.training is None:
        return None, f"Permutation importance fits the learner again and needs the training samples; these are {asked.of}."
    from soilcore.evaluation.splits import make_splits
    from soilcore.explanation.importance import permutation_importance
    from soilcore.project.scoring import learner_of

    table, training = asked.table, asked.training
    places = places_to_map(asked.inputs, table, asked.opened, part(report, 0, 0.1))[1] if training.splits.scheme == "knndm" else None
    splits = make_splits(
        training.splits,
        len(table),
        coordinates=projected_places(table),
        table=table.table,
        target=table.y,
        prediction_points=places,
        predictors=table.X,
    )
    learner = learner_of(training.model, training.fit, table)
    of_columns = {label: names for label, names in groups.items() if set(names) <= set(table.X.columns)}
    found = permutation_importance(
        learner, table.X, table.y, splits, groups=of_columns, repeats=permutations, seed=task.seed, report=part(report, 0.1, 0.9)
    )
    return found, ""


def _write_tables(folder, index, explained, rows, importance):
    """Tables of drivers, of every explained sample, and of permutation importance, as CSV."""
    pd.DataFrame(rows).to_csv(folder / "drivers.csv", index=False)
    samples = pd.DataFrame(explained.values, columns=list(explained.names))
    samples.insert(0, "row", np.asarray(index))
    samples.insert(1, "base", explained.base)
    samples.insert(2, "prediction", explained.predicted)
    samples.to_csv(folder / "attributions.csv", index=False)
    if importance is not None:
        table = pd.DataFrame(importance["rows"]).drop(columns="folds")
        table["members"] = [", ".join(members) for members in table["members"]]
        table.to_csv(folder / "importance.csv", index=False)


def _of_network(task, model, asked, rows, folder, report):
    """Attributions of a network's inputs by expected gradients, and what its attention looked at."""
    from soilcore.explanation.networks import network_explanation

    if task.permutations:
        raise SettingsError("Permutation importance trains the learner again in every fold, which is not done for networks. Leave it out.")
    rows = rows[np.sort(np.random.default_rng(task.seed).permutation(len(rows))[:_NETWORK_SAMPLES])]
    found = network_explanation(
        model.learner,
        asked.X.iloc[rows],
        asked.X,
        asked.coordinates.take(rows),
        asked.coordinates,
        draws=_DRAWS if task.draws is None else task.draws,
        baselines=min(_BASELINES, max(1, len(asked.X) // 2)),
        window=task.window,
        seed=task.seed,
        report=report,
    )
    table = [{"feature": row["name"], "value": None, "contribution": row["mean"], **row} for row in found.pop("rows")]
    pd.DataFrame(table).to_csv(folder / "drivers.csv", index=False)
    return {
        "of": asked.of,
        "available": len(asked.X),
        "sampling_error": None,
        **found,
        "rows": table,
        "importance": None,
        "importance_note": "Permutation importance would train the network again in every fold; it is not computed.",
        "text": " ".join(found["sentences"]),
        "note": " ".join(found["notes"]),
        "assumed": asked.said,
    }
