"""What a fitted network says of itself, as JSON values."""

from dataclasses import asdict

import numpy as np

from soilcore.models.neural_gate import too_few_samples

_ROWS = 64
_BRANCHES = ("vegetated", "bare")


def facts_of(learner, data, measured, notes, seconds):
    """Facts of a network that was just fitted.

    Parameters
    ----------
    learner : NetworkBase
        With ``members_``, ``history_``, ``inputs_`` and ``scale_``.
    data : RowsOf
        Its training samples.
    measured : Measured or None
        How it did beside a simpler learner.
    notes : tuple of str
        What was decided and what went otherwise than asked.
    seconds : float

    Returns
    -------
    dict
        See `NetworkBase.describe`.
    """
    from soilcore.models.networks import count_parameters

    first = learner.history_[0]
    return {
        "network": learner.name,
        "parameters": count_parameters(learner.members_[0]),
        "members": len(learner.members_),
        "epochs": [len(history.rows) for history in learner.history_],
        "best_epochs": [history.best_epoch for history in learner.history_],
        "stopped": [history.stopped for history in learner.history_],
        "precision": first.precision,
        "batch": first.batch,
        "seconds": round(float(seconds), 3),
        "samples": len(data),
        "target": target_sentence(learner),
        "notes": list(notes),
        "too_few": too_few_samples(learner.name, measured),
        "measured": None if measured is None else asdict(measured),
        **attention_facts(learner, data),
    }


def target_sentence(learner):
    """On which scale the network was trained, and what its predictions are."""
    scale = learner.scale_
    if learner.target_transform != "none":
        return f"Trained on {learner.target_transform} of the target, as asked; predictions come back from there."
    if scale.name != "log1p":
        clipped = "" if np.isinf(scale.highest) else f", targets above {scale.highest:g} clipped"
        return f"Trained on the target as it is, shifted and scaled{clipped}."
    if scale.smearing == 1.0:
        return "Trained on log1p of the target; predictions are medians, at least 0."
    return f"Trained on log1p of the target; predictions are means (factor {scale.smearing:.3f} from samples held out of training), at least 0."


def attention_facts(learner, data):
    """Attention, weights of the covariates and share of the vegetated branch: means over samples and members.

    Parameters
    ----------
    learner : NetworkLearner
        With its members.
    data : RowsOf
        Samples as the members read them: those of training, or others.

    Returns
    -------
    dict
        ``attention``, ``covariate_weights`` and ``vegetated`` as in `NetworkBase.describe`; None for networks without.
    """
    nothing = {"attention": None, "covariate_weights": None, "vegetated": None}
    if learner.profile.family != "sssoilnet" or not hasattr(learner.members_[0], "attend"):
        return nothing
    sums = [_attended(member, data, learner) for member in learner.members_]
    attention, weights, gate = (None if sums[0][number] is None else np.mean([one[number] for one in sums], axis=0) for number in range(3))
    layers, bands = learner.inputs_.layers, learner.inputs_.bands
    return {
        "attention": None if attention is None else {"rows": list(layers), "columns": [*bands, *_BRANCHES], "values": attention.tolist()},
        "covariate_weights": None if weights is None else dict(zip(layers, weights.tolist(), strict=True)),
        "vegetated": None if gate is None else float(gate),
    }


def _attended(member, data, learner):
    """Mean attention (layers, bands + 2), mean weights (layers,) and mean share of one member over samples."""
    import torch

    from soilcore.models.torch_device import torch_threads
    from soilcore.models.training_batches import on_device

    totals, threads = [0.0, 0.0, 0.0], min(int(learner.jobs), 2)
    with torch_threads(threads), torch.inference_mode():
        for start in range(0, len(data), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(data)))
            _, *found = member.attend(**on_device(data.batch(rows), "cpu"))
            totals = [None if each is None else total + each.double().sum(0).numpy() for total, each in zip(totals, found, strict=True)]
    return [None if total is None else total / len(data) for total in totals]
