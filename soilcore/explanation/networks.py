"""What the predictions of a fitted network rest on: attributions of its inputs, and what its attention looked at."""

import numpy as np

from soilcore.core.errors import NotAvailableError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.explanation.gradient_shap import BASELINES, DRAWS, gradient_shap

ATTENTION_IS_NO_CAUSE = (
    "Attention says where the network looked, not what the prediction depends on: what is looked at may change nothing. It is no causal importance."
)
ATTRIBUTION_IS_NO_CAUSE = (
    "Attributions say what moved this network's predictions away from those of training samples, not what moves the soil. "
    "Inputs that go together share them arbitrarily."
)
EXPLAINED = {"spectra": ("spectrum",), "soilnet": ("image", "climate"), "sssoilnet": ("spectrum", "indices", "ndvi")}
WINDOW = "window"
RELIABLE = 0.8
_GATE = "ndvi"
_WINDOWS = ("image", WINDOW)
_CELLS = (2, 3)


def member_attributions(
    learner,
    X,
    trained,
    coordinates=None,
    trained_coordinates=None,
    *,
    draws=DRAWS,
    baselines=BASELINES,
    window=False,
    seed=0,
    same_draws=False,
    report=silent,
):
    """Attributions by each member of a network learner, on its modelling scale.

    Parameters
    ----------
    learner : NetworkLearner or SpectraNetwork
        Fitted.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Samples to explain; those of a test set tell what the network learned, those it was trained on what it remembers.
    trained : DataFrame or ndarray of shape (n_trained, n_features)
        Training samples; baselines are drawn from them.
    coordinates, trained_coordinates : Surroundings, optional
        Of the same rows, for networks that read windows.
    draws : int
        Per sample.
    baselines : int
        Training samples drawn for each half of the draws; different ones where there are enough.
    window : bool
        Whether the layers of an SS-SoilNet's window are explained too; they take most of the time.
    seed : int
    same_draws : bool
        Whether every sample is explained from the draws that it would get alone; see `gradient_shap`.
    report : Report

    Returns
    -------
    list of Attribution
        One per member. Inputs: ``spectrum`` (n, points or bands), ``indices`` (n, indices), ``ndvi`` (n,), ``image`` and ``window`` summed over their
        cells (n, layers), ``climate`` (n, months, variables). Where the network models log1p of the target by itself, on that scale.

    Raises
    ------
    NotAvailableError
        If the learner is no network.
    """
    from soilcore.models.torch_device import choose_torch_device

    tested, known = data_of(learner, X, coordinates), data_of(learner, trained, trained_coordinates)
    chosen = np.random.default_rng(seed).permutation(len(known))[: 2 * baselines]
    device, _ = choose_torch_device(learner.device)
    found, members = [], learner.members_
    for number, member in enumerate(members):
        mine = part(report, number / len(members), 1 / len(members))
        neutral = _neutral_gate(member)
        pool = _WithGate(known, neutral).batch(chosen)
        explained = tuple(name for name in _explained(learner, window, neutral) if name in pool)
        reduce = {name: _over_cells for name in explained if name in _WINDOWS}
        pool = {name: pool[name] for name in explained}
        made = gradient_shap(
            member,
            _WithGate(tested, neutral),
            pool,
            explained,
            draws=draws,
            seed=seed + number,
            reduce=reduce,
            device=device,
            same_draws=same_draws,
            report=mine,
        )
        found.append(made.times(learner.scale_.spread))
    return found


class _WithGate:
    """Samples whose missing NDVI is set to where the gate is half open, as the network itself takes it: a path cannot lead to nothing."""

    def __init__(self, data, neutral):
        self.data, self.neutral = data, neutral

    def __len__(self):
        return len(self.data)

    def batch(self, rows):
        found = self.data.batch(rows)
        if self.neutral is None or _GATE not in found:
            return found
        ndvi = np.asarray(found[_GATE], np.float32)
        return {**found, _GATE: np.where(np.isfinite(ndvi), ndvi, np.float32(self.neutral))}


def _neutral_gate(member):
    """NDVI at which the gate of a member is half open; None where there is no gate with a gradient."""
    tau = getattr(getattr(member, "index", None), "tau", None)
    return None if tau is None else float(tau.detach())


def _explained(learner, window, neutral):
    names = EXPLAINED[learner.profile.family] + ((WINDOW,) if window else ())
    return tuple(name for name in names if name != _GATE or neutral is not None)


def data_of(learner, X, coordinates=None):
    """Samples as a fitted network reads them: scaled, by name of the input.

    Raises
    ------
    NotAvailableError
        If the learner is no network.
    """
    from soilcore.models.inputs import checked_new
    from soilcore.models.neural_inputs import RowsOf

    if not hasattr(learner, "members_") or not hasattr(learner, "inputs_"):
        raise NotAvailableError(f"Attributions by gradients are those of networks; {type(learner).__name__} is none.")
    return RowsOf(learner.inputs_, checked_new(learner, X), *learner._places(coordinates, len(X)))


def network_explanation(
    learner, X, trained, coordinates=None, trained_coordinates=None, *, draws=DRAWS, baselines=BASELINES, window=False, seed=0, report=silent
):
    """Tables of what a SoilNet's or SS-SoilNet's predictions rest on.

    Parameters
    ----------
    learner, X, trained, coordinates, trained_coordinates, draws, baselines, window, seed, report
        As in `member_attributions`.

    Returns
    -------
    dict
        ``rows``: one per channel, band, index, or variable and month of the climate (see `attribution_rows`); ``climate``: mean absolute attribution
        by month and variable, or None; ``n``, ``draws``, ``baselines``, ``members``; ``scale``: what attributions are in; ``gap``: mean absolute
        difference between the sum of a sample's attributions and what they should add up to, and ``gap_share`` of the standard deviation of
        predictions; ``base`` and ``prediction``: means over samples of what attributions start from and end at; ``additivity_error``: the largest
        gap of a sample; ``attention``, ``covariate_weights`` and ``vegetated`` as in `attention_tables`; ``sentences``; ``notes``.
    """
    members = member_attributions(
        learner, X, trained, coordinates, trained_coordinates, draws=draws, baselines=baselines, window=window, seed=seed, report=report
    )
    rows, climate = [], None
    total = sum(np.abs(_together(members, name)).reshape(len(X), -1).sum(axis=1, dtype=float).mean() for name in members[0].halves)
    for name in members[0].halves:
        if name == "climate":
            rows += _climate_rows(learner, members, total)
            climate = _climate_table(learner, members)
        else:
            rows += attribution_rows(name, _names_of(learner, name), [one.halves[name].reshape(2, len(X), -1) for one in members], total)
    gap = float(np.mean([np.abs(one.gap).mean() for one in members]))
    spread = float(np.mean([one.predicted.std() for one in members]))
    return {
        "rows": sorted(rows, key=lambda row: (row["input"], -row["mean_abs"])),
        "climate": climate,
        "n": len(X),
        "draws": draws,
        "baselines": members[0].baselines,
        "members": len(members),
        "scale": scale_words(learner),
        "base": _mean_of(learner, members, "expected"),
        "prediction": _mean_of(learner, members, "predicted"),
        "additivity_error": float(np.abs(np.mean([one.gap for one in members], axis=0)).max()),
        "gap": gap,
        "gap_share": gap / spread if spread > 0 else None,
        **attention_tables(learner.describe()),
        "sentences": [ATTRIBUTION_IS_NO_CAUSE],
        "notes": list(dict.fromkeys(note for one in members for note in one.notes)),
    }


def attribution_rows(name, features, halves, total, reliable=RELIABLE):
    """One row per feature of an input.

    Parameters
    ----------
    name : str
        Of the input.
    features : sequence of str
    halves : list of ndarray of shape (2, n_samples, n_features)
        One per member.
    total : float
        Mean absolute attribution of all inputs together.
    reliable : float
        Correlation of the two halves over samples, brought to the whole, that an attribution must exceed.

    Returns
    -------
    list of dict
        ``input``, ``name``, ``mean`` and ``mean_abs`` over samples, ``share`` of `total`, ``noise`` (of the draws, root mean square over samples, against
        that of the attributions), ``reliability``, ``sd_members`` of ``mean_abs`` (None with one member), ``shown`` and ``reason``.
    """
    whole = np.mean(halves, axis=0, dtype=float)
    values, apart = whole.mean(axis=0), (whole[0] - whole[1]) / 2
    by_member = np.array([np.abs(one.mean(axis=0, dtype=float)).mean(axis=0) for one in halves])
    rows = []
    for number, feature in enumerate(features):
        mine, size = values[:, number], np.sqrt(np.mean(values[:, number] ** 2))
        agree = _agreement(whole[0, :, number], whole[1, :, number])
        reason = _reason(size, agree, reliable)
        rows.append(
            {
                "input": name,
                "name": feature,
                "mean": float(mine.mean()),
                "mean_abs": float(np.abs(mine).mean()),
                "share": float(np.abs(mine).mean() / total) if total > 0 else 0.0,
                "noise": float(np.sqrt(np.mean(apart[:, number] ** 2)) / size) if size > 0 else None,
                "reliability": agree,
                "sd_members": float(by_member[:, number].std(ddof=1)) if len(by_member) > 1 else None,
                "shown": not reason,
                "reason": reason,
            }
        )
    return rows


def attention_tables(facts):
    """Attention and covariate weights of an SS-SoilNet as tables.

    Parameters
    ----------
    facts : dict
        `describe` of the learner.

    Returns
    -------
    dict
        ``attention``: rows with ``covariate`` and one value per band and branch, which sum to 1, or None; ``covariate_weights``: rows with ``covariate``,
        ``weight``, heaviest first, or None; ``vegetated``: mean share of the branch for vegetated ground, or None; ``attention_sentence``, empty where
        there is no attention.
    """
    found, weights = facts.get("attention"), facts.get("covariate_weights")
    table = found and [
        {"covariate": row, **dict(zip(found["columns"], values, strict=True))} for row, values in zip(found["rows"], found["values"], strict=True)
    ]
    heaviest = weights and [{"covariate": name, "weight": weight} for name, weight in sorted(weights.items(), key=lambda pair: -pair[1])]
    return {
        "attention": table or None,
        "covariate_weights": heaviest or None,
        "vegetated": facts.get("vegetated"),
        "attention_sentence": ATTENTION_IS_NO_CAUSE if table or heaviest else "",
    }


def explained_inputs(learner, window=False):
    """Inputs of a fitted network that attributions are made of, in their order.

    Parameters
    ----------
    learner : NetworkLearner
    window : bool
        Whether the layers of an SS-SoilNet's window are among them.
    """
    inputs = learner.inputs_
    read = {"spectrum": getattr(inputs, "bands", ()), "climate": getattr(inputs, "variables", ()), WINDOW: getattr(inputs, "layers", ())}
    return tuple(name for name in _explained(learner, window, _neutral_gate(learner.members_[0])) if read.get(name, True))


def scale_words(learner):
    """What attributions of a network are in."""
    if learner.target_transform != "none":
        return f"{learner.target_transform} of the target"
    return "log1p of the target" if learner.scale_.name == "log1p" else "the unit of the target"


def input_names(learner, name):
    """Names of the features of an input of a network, in the order of its attributions; of the climate its variables."""
    return learner.inputs_.variables if name == "climate" else _names_of(learner, name)


def months_before(count):
    """Names of the months of a sequence: how many months before the last one, which is 0."""
    return [str(count - 1 - number) for number in range(count)]


def _mean_of(learner, members, what):
    """Mean over samples and members of what the networks give, on the scale of the attributions."""
    return float(np.mean([getattr(one, what).mean() for one in members]) + learner.scale_.shift)


def _together(members, name):
    return np.mean([one.values(name) for one in members], axis=0)


def _names_of(learner, name):
    inputs = learner.inputs_
    if name == "indices":
        return (*inputs.vegetation, *inputs.bare, *inputs.water)
    if name == _GATE:
        return ("NDVI as gate of the branches",)
    if name == "spectrum" and learner.profile.family == "sssoilnet":
        return inputs.bands
    if name in _WINDOWS:
        return inputs.layers
    raise SettingsError(f"The attributions of {name!r} are a profile along a spectrum, no table. Ask for profiles.")


def _climate_rows(learner, members, total):
    """Rows of each variable (summed over months) and each month (summed over variables)."""
    variables, rows = learner.inputs_.variables, []
    for axis, label, names in ((2, "climate", variables), (3, "month", months_before(members[0].halves["climate"].shape[2]))):
        rows += attribution_rows(label, names, [one.halves["climate"].sum(axis=axis) for one in members], total)
    return rows


def _climate_table(learner, members):
    """Mean absolute attribution by month (rows, oldest first) and variable (columns)."""
    values = np.abs(_together(members, "climate")).mean(axis=0, dtype=float)
    return {"rows": months_before(len(values)), "columns": list(learner.inputs_.variables), "values": values.tolist()}


def _over_cells(values):
    """One attribution per layer of a window: the sum over its cells."""
    return values.sum(axis=_CELLS)


def _agreement(first, second):
    """Correlation of two halves over samples, by Spearman and Brown that of the whole with another whole; None without spread."""
    if len(first) < 3 or not (np.std(first) > 0 and np.std(second) > 0):
        return None
    half = float(np.corrcoef(first, second)[0, 1])
    return max(0.0, 2 * half / (1 + half)) if half > -1 else 0.0


def _reason(size, agree, reliable):
    if not size > 0:
        return "The predictions do not depend on it at these samples."
    if agree is None:
        return "Too few samples to see whether the attribution can be repeated."
    return "" if agree > reliable else f"The two halves of the draws agree by {agree:.2f} only; more than {reliable:g} is asked for. Take more draws."
