"""Learners scored under the same folds, with what is known of trust; one of them fitted and kept."""

import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.files import check_output, write_json
from soilcore.core.progress import labelled, part, silent
from soilcore.core.settings import to_plain
from soilcore.models.catalogue import learner_spec
from soilcore.project.chain import feature_table, places_to_map, projected_places, versions
from soilcore.project.network_inputs import surroundings_of, unfinished_training
from soilcore.project.steps import input_hashes, run_file

TABLE4_METHODS = {"Stacking": "stacking", "XGBoost": "xgboost", "RF": "rf", "MLP": "mlp", "PLSR": "plsr"}
_GAP = 0.05  # R2 by which the random score must exceed the spatial one before it is called flattering


@dataclass(frozen=True)
class Prepared:
    """What every learner of one task is scored on.

    Parameters
    ----------
    table : FeatureTable
    opened : Opened
    assumed : tuple of str
    splits : Splits
    points : MapPoints or None
        Pixels that would be mapped.
    places : ndarray of float, shape (n_points, 2), or None
        Where they lie, in metres of the samples' plane.
    surroundings : dict of str to Surroundings
        Windows and months, by learner that reads those.
    """

    table: object
    opened: object
    assumed: tuple[str, ...]
    splits: object
    points: object = None
    places: object = None
    surroundings: dict = field(default_factory=dict)

    def splits_for(self, name):
        """The division, with the windows that a learner reads."""
        return replace(self.splits, surroundings=self.surroundings.get(name))


def compare(task, report=silent):
    """Score learners under the same folds."""
    prepared = prepare(task, part(report, 0, 0.03), task.models)
    with _taken_up_again(task, task.models):
        facts, assessed = score_learners(task.models, task, prepared, part(report, 0.03, 0.67 if task.table4 else 0.97))
    if task.predictions:
        facts |= _predictions(prepared, assessed)
    if task.table4:
        facts["table4"] = _table4(task, prepared.table, prepared.splits, part(report, 0.7, 0.3))
    return facts


def train(task, report=silent):
    """Score one learner, fit it on all samples, and save it."""
    from soilcore.models.archive import save_model

    out = check_output(task.out, task.overwrite)
    prepared = prepare(task, part(report, 0, 0.03), (task.model,))
    table, splits = prepared.table, prepared.splits_for(task.model)
    with _taken_up_again(task, (task.model,)):
        facts, assessed = score_learners((task.model,), task, prepared, part(report, 0.03, 0.77))
        learner = learner_of(task.model, task.fit, table)
        places = splits.places_of(learner, np.arange(len(table)))
        last = labelled(part(report, 0.8, 0.12), f"{task.model}: all samples")
        learner.fit(table.X, table.y, groups=splits.groups, report=last, coordinates=places)
        model = _fitted_model(task, prepared, learner, facts, assessed[task.model], part(report, 0.92, 0.07))
    save_model(model, out, overwrite=task.overwrite)
    write_json(Path(out) / "run.json", run_file("train", replace(task, resume=False)))
    report(1, 1, "saved")
    return {**facts, "model_dir": str(out)}


def learning_curve(task, report=silent):
    """Score a learner on growing numbers of training samples."""
    from soilcore.evaluation.learning_curve import learning_curve as curve_of

    prepared = prepare(task, part(report, 0, 0.03), (task.model,))
    learner = learner_of(task.model, task.fit, prepared.table)
    with _taken_up_again(task, (task.model,)):
        facts = curve_of(learner, prepared.table.X, prepared.table.y, prepared.splits_for(task.model), report=part(report, 0.03, 0.97))
    target = prepared.opened.samples.target
    return {"target": target.column, "unit": target.unit, "model": task.model, "cv": task.splits.scheme, **facts, "assumed": prepared.assumed}


def learning_rate(task, report=silent):
    """Find the learning rates at which a network learns from the samples, before it is trained."""
    if learner_spec(task.model).family != "network" or task.model == "mlp":
        raise SettingsError(f"{task.model!r} has no learning rate to look for. Choose a network such as sssoilnet, soilnet-small or spectra-cnn.")
    prepared = prepare(task, part(report, 0, 0.2), (task.model,))
    table, splits = prepared.table, prepared.splits_for(task.model)
    learner = learner_of(task.model, task.fit, table)
    places = splits.places_of(learner, np.arange(len(table)))
    found = learner.learning_rates(table.X, table.y, groups=splits.groups, report=part(report, 0.2, 0.8), coordinates=places)
    return {"model": task.model, "n": len(table), **vars(found), "assumed": prepared.assumed}


def prepare(task, report=silent, models=()):
    """Open the inputs, make the predictors, divide the samples.

    Parameters
    ----------
    task : CompareTask, TrainTask, LearningCurveTask or DualStepTask
    report : Report
    models : tuple of str
        Learners that will be fitted: networks among them get windows of the imagery.

    Returns
    -------
    Prepared
    """
    from soilcore.evaluation.splits import make_splits
    from soilcore.evaluation.window_buffer import with_window_buffer

    table, opened, assumed = feature_table(task.inputs, part(report, 0, 0.4), models)
    table, surroundings, said = surroundings_of(models, task.fit.network, table, opened, part(report, 0.4, 0.3))
    points, places = places_to_map(task.inputs, table, opened, part(report, 0.7, 0.3))
    splits = make_splits(
        task.splits, len(table), coordinates=projected_places(table), table=table.table, target=table.y, prediction_points=places, predictors=table.X
    )
    splits, kept_apart = with_window_buffer(splits, max((each.reach_m for each in surroundings.values()), default=0.0))
    said = (*assumed, *said, *([kept_apart] if kept_apart else []))
    return Prepared(table, opened, (*said, *splits.assumed), splits, points, places, surroundings)


def _taken_up_again(task, names):
    """Context that keeps what networks have learned, so that an interrupted task can go on; nothing is kept for other learners."""
    if not any(learner_spec(name).family == "network" and name != "mlp" for name in names):
        return nullcontext()
    return unfinished_training(task, input_hashes(task), task.resume)


def learner_of(name, fit, table):
    """An unfitted learner for the predictors of a table."""
    from soilcore.models.catalogue import make_learner

    return make_learner(name, fit, index_columns=table.recipe.index_columns)


def score_learners(names, task, prepared, report=silent):
    """Score learners and see what can be said of trust.

    Parameters
    ----------
    names : tuple of str
    task : CompareTask or TrainTask
    prepared : Prepared
    report : Report

    Returns
    -------
    facts : dict
        See the command line's ``compare``.
    assessed : dict of str to Assessment
    """
    from soilcore.trust.assess import assess

    rows, assessed = [], {}
    for number, name in enumerate(names):
        mine = part(report, number / len(names), 1 / len(names))
        one = assess(
            name,
            learner_of(name, task.fit, prepared.table),
            prepared.table.X,
            prepared.table.y,
            prepared.splits_for(name),
            intervals=task.intervals,
            permutations=task.permutations,
            pixels=None if prepared.points is None or name in prepared.surroundings else prepared.points.X,
            table=prepared.table.table,
            models=len(names),
            seed=task.fit.seed,
            report=mine,
        )
        rows.append(one.row)
        assessed[name] = one
    return _facts(task, prepared, rows, assessed), assessed


def _facts(task, prepared, rows, assessed):
    splits = prepared.splits
    places = _places_facts(prepared)
    compared = _compared(rows, assessed)
    return {
        **prepared.opened.samples.target.facts(),
        "transform": task.fit.transform,
        "n": len(prepared.table),
        "cv": task.splits.scheme,
        "folds_label": splits.label,
        "fold_sizes": splits.sizes,
        "features": list(prepared.table.recipe.names),
        "seed": task.fit.seed,
        "device": _device(task, assessed),
        "assumed": (*prepared.assumed, *(finding.message for finding in splits.findings if finding.severity == "note")),
        "warnings": [
            *(f"{finding.message} {finding.fix}" for finding in splits.findings if finding.severity != "note"),
            *(row["sentence"] for row in compared["gate"] if row["verdict"] in ("behind", "no-skill")),
        ],
        "leakage": _leakage(assessed),
        **compared,
        "spatial_first": _which_to_trust(splits, rows, places["design"]),
        **places,
        "trust": {name: one.facts for name, one in assessed.items()},
        "models": tuple(rows),
    }


def _compared(rows, assessed):
    """``paired``: the best learner against each other one over the folds; ``gate``: each network against the best simpler learner."""
    from soilcore.evaluation.paired import paired_tests
    from soilcore.trust.gate import network_gate

    evaluations = {name: one.evaluation for name, one in assessed.items()}
    networks = {name for name in evaluations if name != "mlp" and learner_spec(name).family == "network"}
    best = max(rows, key=lambda row: row["r2"])["name"]
    return {"paired": paired_tests(evaluations, best), "gate": network_gate(evaluations, networks)}


def _leakage(assessed):
    """Rows of the leakage report; those that depend on the learner once per learner where they differ."""
    seen, rows = {}, []
    for name, one in assessed.items():
        for row in one.leakage:
            key = (row["check"], row["ok"], row["detail"])
            if key not in seen:
                seen[key] = {**row, "models": [name]}
                rows.append(seen[key])
            else:
                seen[key]["models"].append(name)
    return rows


def _places_facts(prepared):
    """Sampling design, distances and variogram of the target; None without places, and where they are too few to speak of distances."""
    coordinates = prepared.splits.coordinates
    if coordinates is None:
        return {"design": None, "distances": None, "variogram": None}
    from soilcore.evaluation.distances import distance_curves
    from soilcore.evaluation.sampling_design import detect_design
    from soilcore.evaluation.variogram import variogram_facts

    try:
        distances = distance_curves(coordinates, prepared.splits, prepared.places)
    except SampleError:  # one place for all, or hardly any known: the scores stand without
        distances = None
    return {
        "design": detect_design(coordinates, prepared.places),
        "distances": distances,
        "variogram": variogram_facts(coordinates, prepared.table.y),
    }


def _which_to_trust(splits, rows, design):
    """One sentence: what the score of these folds says about a map."""
    best = max(rows, key=lambda row: row["r2"])
    if not splits.is_spatial:
        return "These folds tell how good predictions are between samples. For a map, score by knndm, block or group folds as well."
    spatial = f"R2 {best['r2']:.2f} ({best['name']}, {splits.label})"
    if splits.is_random:
        return f"The samples are spread like the map, so folds matched to it are random ones: trust {spatial}."
    gap = best["r2_random"] - best["r2"]
    if gap > _GAP and splits.name != "knndm" and (design or {}).get("suggested_cv") == "random":
        return (
            f"{spatial} speaks of places far from all samples; random folds give {best['r2_random']:.2f}. The samples are spread like the map, so between "
            "them the truth lies nearer to the second. --cv knndm measures what holds for the whole map."
        )
    if gap > _GAP:
        return (
            f"Trust {spatial} for the map; random folds would claim {best['r2_random']:.2f}, "
            "because they lean on neighbours of each sample that the map does not have."
        )
    return f"Trust {spatial} for the map; random folds say about the same ({best['r2_random']:.2f})."


def _predictions(prepared, assessed):
    splits, table = prepared.splits, prepared.table
    predictions = {"row": table.X.index, "observed": table.y, "fold": splits.assignments[0]}
    if splits.coordinates is not None:
        predictions |= {"x": splits.coordinates[:, 0], "y": splits.coordinates[:, 1]}
    predictions |= {name: one.evaluation.out_of_fold[0] for name, one in assessed.items()}
    intervals = {name: {"lower": one.lower, "upper": one.upper, "di": one.di, "inside": one.inside} for name, one in assessed.items()}
    return {"predictions": predictions, "intervals": intervals}


def _device(task, assessed):
    """Device that was used: that of the networks where there are some, else the one of XGBoost, alone or in a stack."""
    from soilcore.models.device import choose_device

    told = [one.facts["learner"] for one in assessed.values()]
    used = [facts["device"] for facts in told if facts and facts.get("device")]
    return used[0] if used else choose_device(task.fit.device)[0]


def _table4(task, table, splits, report):
    """Paper 002's Table 4: five methods, novel against existing indices, under the folds of this comparison."""
    from soilcore.evaluation.table4 import table4
    from soilcore.features.indices import index_set
    from soilcore.models.catalogue import make_learner

    sets = {}
    for label, name in {"N-SI": "novel4_lan2025", "SI": "existing17_lan2025"}.items():
        columns = [identifier for identifier in index_set(name) if identifier in table.X]
        if not columns:
            raise SettingsError(
                f"The Table 4 layout compares novel4_lan2025 with existing17_lan2025; no index of {name} is among the predictors. Add --index-set {name}."
            )
        sets[label] = table.X[columns]
    learners = {label: make_learner(name, task.fit) for label, name in TABLE4_METHODS.items()}
    made = table4(sets, learners, table.y, splits, report=report)
    pairs = [{"features": features, "model": method, **made.pairs(features, method)} for features, method in made.evaluations]
    return {"rows": made.rows, "pairs": pairs}


def _fitted_model(task, prepared, learner, facts, assessed, report):
    from soilcore.models.archive import FittedModel, training_envelope

    table, opened, splits = prepared.table, prepared.opened, prepared.splits
    stored, arrays, learners = assessed.stored(learner, table.X, report)
    shared = {name: facts[name] for name in ("leakage", "design", "distances", "variogram", "spatial_first", "warnings")}
    return FittedModel(
        learner=learner,
        name=task.model,
        recipe=table.recipe.to_dict(),
        target=opened.samples.target.to_dict(),
        envelope=training_envelope(table.X),
        scores=facts["models"][0],
        folds={"scheme": task.splits.scheme, "label": splits.label, "sizes": splits.sizes, "settings": to_plain(task.splits)},
        out_of_fold=_out_of_fold(table, assessed, splits),
        provenance={
            "samples": {"source": Path(task.inputs.samples).name, "sha256": opened.samples.fingerprint, "n": len(table)},
            "scene": opened.scene.fingerprint if opened.scene else None,
            "settings": to_plain(task),
            "versions": versions(),
            "assumed": facts["assumed"],
            "device": facts["device"],
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
        plane=_plane(table),
        trust={**stored, **shared, "facts": assessed.facts},
        trust_arrays=arrays | _background(table, learner),
        trust_learners=learners,
    )


def _background(table, learner):
    """Training samples that explanations start from; networks that read windows have other ones."""
    from soilcore.explanation.background import background_arrays

    if getattr(learner, "uses_surroundings", False):
        return {}
    return background_arrays(table.X, table.y, projected_places(table))


def _plane(table):
    from soilcore.core.projection import metric_plane

    return None if table.places is None else metric_plane(table.places[:, 0], table.places[:, 1], table.crs)


def _out_of_fold(table, assessed, splits):
    """Observed and out-of-fold predicted values of the first repeat, with bounds, fold and place, one row per sample."""
    import pandas as pd

    columns = {"row": table.X.index, "observed": table.y, "predicted": assessed.evaluation.out_of_fold[0], "fold": splits.assignments[0]}
    columns |= {"lower": assessed.lower, "upper": assessed.upper, "di": assessed.di, "inside": assessed.inside}
    if table.places is not None:
        columns |= {"x": table.places[:, 0], "y": table.places[:, 1]}
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})
