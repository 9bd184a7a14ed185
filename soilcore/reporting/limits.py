"""What a reader must not take a map for, said from the facts: where scores do not hold, what was not checked, what intervals leave out."""

_FEW = 150  # samples below which scores of one division of the folds are uncertain
_SHORT = 0.05  # coverage below its level by so much is worth a sentence
_BIASED = 0.1  # of the standard deviation


def limits_of(summary):
    """Sentences, the weightiest first.

    Parameters
    ----------
    summary : dict
        With the sections that `soilcore.reporting.summary.summarise` makes before this one.

    Returns
    -------
    list of str
    """
    return [*_of_scores(summary), *_of_area(summary), *_of_intervals(summary), *_of_values(summary), *_of_leakage(summary), *_of_drivers(summary)]


def _of_scores(summary):
    scores, samples = summary["scores"], summary["samples"]
    said = list(scores["warnings"])
    if scores["r2"] is not None and not scores["is_spatial"]:
        said.append("The scores come from random folds. Between clustered samples they flatter a map; train with --cv knndm before relying on it.")
    if scores["r2"] is not None and scores["r2"] <= 0:
        said.append("The model predicts left-out samples no better than their mean does: the map shows no more than that.")
    folds = [value for value in scores["r2_folds"] or () if value is not None]
    if len(folds) > 1 and max(folds) - min(folds) > 0.5:
        said.append(
            f"Fold by fold R2 runs from {min(folds):.2f} to {max(folds):.2f}: in parts of the area the model does far worse than on the whole."
        )
    if samples["n"] and samples["n"] < _FEW:
        said.append(
            f"{samples['n']} samples are few: another division into folds would give other scores. Repeated folds (--repeats) show by how much."
        )
    return said


def _of_area(summary):
    area = summary["applicability"]
    if area is None:
        return ["The area of applicability is not known, so nothing tells where the map leaves what the samples speak of."]
    share = area["share_of_map"]
    if share is not None and share < 1:
        return [f"On {100 * (1 - share):.1f} % of the map the predictors are unlike all samples: there neither scores nor intervals hold."]
    return []


def _of_intervals(summary):
    cover = summary["coverage"]
    if not cover:
        return ["No prediction intervals are known, so a value of the map comes without its uncertainty."]
    said = []
    level = cover["level"]
    if cover["coverage"] is not None and cover["coverage"] < level - _SHORT:
        said.append(
            f"Intervals of {100 * level:.0f} % held only {100 * cover['coverage']:.0f} % of the samples left out: read them as narrower than promised."
        )
    blocks = [row for row in cover["by_block"] or () if row.get("coverage") is not None]
    worst = min(blocks, key=lambda row: row["coverage"], default=None)
    if worst and worst["coverage"] < level - 2 * _SHORT:
        said.append(f"In the worst fold the {100 * level:.0f} % intervals held {100 * worst['coverage']:.0f} % of {worst['n']} samples.")
    said.append("An interval speaks of one place at a time; the mean of a field or the area of a class needs its own.")
    return said


def _of_values(summary):
    target, found = summary["target"], []
    spread = target["measured"]
    if target["unit"] is None:
        found.append("The unit of the target was not stated, so classes and thresholds cannot be checked against it.")
    if spread and spread["sd"]:
        error = next((row["value"] for row in summary["scores"]["rows"] if row["key"] == "me"), None)
        if error is not None and abs(error) > _BIASED * spread["sd"]:
            way = "low" if error < 0 else "high"
            unit = f" {target['unit']}" if target["unit"] else ""
            found.append(f"Predictions are too {way} by {abs(error):.3g}{unit} on average; high values are drawn towards the middle most.")
    if spread:
        unit = f" {target['unit']}" if target["unit"] else ""
        found.append(f"The samples hold {spread['min']:.3g} to {spread['max']:.3g}{unit}: nothing is known beyond.")
    drawn = summary["map"]
    if drawn and not drawn["date"]:
        found.append("The map stands for the time of its imagery and samples; it says nothing of other years.")
    return found


def _of_leakage(summary):
    found = [row for row in summary["leakage"] if row.get("ok") is False]
    open_ = [row["check"] for row in summary["leakage"] if row.get("ok") is None]
    said = [f"Leakage check {row['check']}: {row['detail']}" for row in found]
    return said + ([f"Not checked for leakage, or not applicable: {', '.join(open_)}."] if open_ else [])


def _of_drivers(summary):
    if not summary["drivers"]:
        return []
    return ["Drivers tell what the model leans on, not what causes salt or carbon: related predictors share or swap their weight."]
