"""When a network has too few samples to be worth its trouble, said with what was measured."""

from soilcore.models.neural_profiles import network_profile

SIMPLER = "stacking"
_CLEAR = 0.02  # R2; less is luck of the folds


def too_few_samples(name, samples, parameters):
    """A sentence where a network was fitted to fewer samples than it needs, else an empty text.

    Parameters
    ----------
    name : str
        Of the network.
    samples : int
        Training samples.
    parameters : int
        Trainable numbers of one member.

    Returns
    -------
    str
    """
    enough = network_profile(name).enough
    if samples >= enough:
        return ""
    return (
        f"{samples} samples are few for {name}, which adjusts {parameters:,} numbers: below about {enough:,} simpler learners were better in what was "
        f"measured. Compare it with {SIMPLER} under the same folds before you use it."
    )


def better_here(rows, networks):
    """A sentence for each network that a simpler learner beat under the same folds.

    Parameters
    ----------
    rows : sequence of dict
        Of a comparison: ``name``, ``r2`` and, where known, ``r2_folds``.
    networks : collection of str
        Which of the names are networks.

    Returns
    -------
    dict of str to str
        Network to sentence; networks that were not beaten clearly are absent.
    """
    simpler = [row for row in rows if row["name"] not in networks and row["r2"] == row["r2"]]
    if not simpler:
        return {}
    best = max(simpler, key=lambda row: row["r2"])
    return {
        row["name"]: f"{best['name']} is better here: R2 {best['r2']:.2f} against {row['r2']:.2f} of {row['name']} under the same folds."
        for row in rows
        if row["name"] in networks and row["r2"] == row["r2"] and best["r2"] - row["r2"] > _CLEAR
    }
