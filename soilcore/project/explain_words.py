"""What an explanation of samples says, in a few sentences."""

_LITTLE = 0.01  # of R2: a loss that the folds would give by luck


def sentences(facts):
    """The strongest driver, which way it works, what another one can stand in for, and what only the folds see.

    Parameters
    ----------
    facts : dict
        Of a tabular model: ``group_rows``, ``dependence``, ``importance``.

    Returns
    -------
    list of str
    """
    rows = facts["group_rows"]
    if not rows or not rows[0]["mean_abs"] > 0:
        return ["The predictions do not depend on any predictor: this model gives the same value everywhere."]
    first = rows[0]
    said = [f"{first['feature']} moves the predictions most: {100 * first['share']:.0f} % of all attributions."]
    said += _direction(first, facts["dependence"])
    return [*said, *_beside_importance(rows, facts["importance"])]


def _direction(first, dependence):
    """Whether predictions rise or fall with the strongest driver, where that is one predictor with a clear direction."""
    found = next((one for one in dependence if one["feature"] == first["feature"]), None)
    if found is None:
        return []
    if abs(found["slope_sign"]) < 0.5:
        return [f"Predictions do not simply rise or fall with {found['feature']}: look at its dependence."]
    way = "rise" if found["slope_sign"] > 0 else "fall"
    partner = f", by how much depends on {found['partner']}" if found["partner"] else ""
    return [f"Predictions {way} with {found['feature']}{partner}."]


def _beside_importance(rows, importance):
    """Where attribution and permutation importance disagree."""
    if not importance or not importance["rows"]:
        return []
    losses = {row["feature"]: row for row in importance["rows"]}
    needed, first = importance["rows"][0], rows[0]["feature"]
    if needed["loss"] <= max(_LITTLE, needed["loss_sd"]):
        return [f"Under folds {importance['cv']} no single driver is needed: others stand in for each, or the model has little skill there."]
    if needed["feature"] == first:
        return [
            f"It is also the one needed most at samples that were not seen: without it R2 falls by {needed['loss']:.2f} (folds {importance['cv']})."
        ]
    own = losses.get(first)
    said = [
        f"At samples that were not seen {needed['feature']} is needed most: without it R2 falls by {needed['loss']:.2f} (folds {importance['cv']})."
    ]
    if own is not None and own["loss"] <= max(_LITTLE, own["loss_sd"]):
        said.append(f"Without {first} R2 hardly changes: other drivers stand in for it, or what it tells does not hold elsewhere.")
    return said
