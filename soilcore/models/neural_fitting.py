"""Fitting the members of a network: who validates, where weights start, what is kept for a resumed run, and what is said afterwards."""

import hashlib
import time
from dataclasses import asdict, replace

import numpy as np

from soilcore.core.errors import NotAvailableError, SettingsError
from soilcore.core.progress import part
from soilcore.models.learner import seeds_of
from soilcore.models.neural_augment import FlipsAndTurns
from soilcore.models.neural_facts import facts_of
from soilcore.models.neural_gate import measure
from soilcore.models.neural_profiles import own_scale, training_settings
from soilcore.models.neural_scaling import target_scale
from soilcore.models.neural_validation import divide, named_division

MOST_MEMBERS = 100
PREDICTED_ROWS = 64  # at once: fixed, so that a stored model gives the same numbers to the last bit
_TRAINING_SHARE, _PRETRAINING_SHARE = 0.95, 0.5
_SMEARED_FROM, _LARGEST_SMEARING = 20, 2.0  # held-out samples; fewer tell no factor
_MOST_GROUPS = 40  # curves that can still be told apart


def fit_members(learner, data, z, groups, report):
    """Train all members of a network learner; gives it everything that ends in ``_``.

    Parameters
    ----------
    learner : NetworkBase
        With ``inputs_``.
    data : RowsOf
        All training samples.
    z : ndarray of float
        Targets on the learner's modelling scale.
    groups : ndarray of int or None
    report : Report
    """
    started = time.perf_counter()
    positive = _prepare(learner, z)
    members, histories, notes, held_out, measured = [], [], [], [], None
    seeds = seeds_of(learner.random_state, learner.settings.members)
    for number, seed in enumerate(seeds):
        share = _TRAINING_SHARE / len(seeds)
        mine = part(report, number * share, share)
        network, history, division = _fit_member(learner, data, z, groups, seed, number, positive, mine)
        members.append(network)
        histories.append(history)
        notes += [division.note, *history.notes]
        given = _held_out(learner, data, network, division.validation)
        held_out.append(_residuals(learner.scale_, z[division.validation], given))
        if number == 0:
            measured = measure(learner, data.X, learner.scale_.forward(z), given, division, seed)
    learner.members_, learner.history_ = tuple(members), tuple(histories)
    learner.scale_ = replace(learner.scale_, smearing=_smearing(learner.scale_, np.concatenate(held_out)))
    report(_TRAINING_SHARE, 1, f"what {learner.label} learned")
    learner.embedding_mean_ = learner._outputs(data, "features", learner.members_[:1])[0].mean(axis=0)
    learner.facts_ = facts_of(learner, data, measured, tuple(dict.fromkeys(notes)), time.perf_counter() - started)
    report(1, 1, f"{learner.label} is fitted")


def rates_of(learner, data, z, groups, report):
    """Learning-rate range test of a network with fresh weights on the samples it would train on; see `learning_rate_range`.

    Parameters
    ----------
    learner, data, z, groups, report
        As for `fit_members`.

    Returns
    -------
    RateRange
    """
    positive = _prepare(learner, z)
    from soilcore.models.training_rates import learning_rate_range

    network, division, how, turned = _begun(learner, data, z, groups, seeds_of(learner.random_state, 1)[0], positive)
    target = learner.scale_.forward(z)
    return learning_rate_range(network, data, target, division.train, how, augment=turned, report=report, name=learner.name)


def _prepare(learner, z):
    """Check the settings, choose the device and the scale of the target; whether the network gives no negative numbers."""
    check_torch()
    from soilcore.models.torch_device import choose_torch_device

    _check_settings(learner)
    learner.device_, learner.device_note_ = choose_torch_device(learner.device)
    own, highest = own_scale(learner.profile, learner.settings, learner.target_transform, z)
    positive = learner.profile.family == "sssoilnet" and own == "log1p"
    learner.scale_ = target_scale(z, own, positive=positive, least=None if highest is None else 0.0, highest=highest)
    return positive


def threads_of(learner):
    """CPU threads of a network: at most 2, more gain little and take from others."""
    return int(min(max(int(learner.jobs), 1), 2))


def check_torch():
    """Refuse in words where PyTorch is not installed.

    Raises
    ------
    NotAvailableError
    """
    from importlib.util import find_spec

    if missing := [name for name in ("torch", "safetensors") if find_spec(name) is None]:
        raise NotAvailableError(f"Networks need {' and '.join(missing)}, which is not installed. Install it with: pip install 'soilcore[deep]'.")


def _check_settings(learner):
    settings = learner.settings
    if isinstance(settings.members, bool) or not isinstance(settings.members, int) or not 1 <= settings.members <= MOST_MEMBERS:
        raise SettingsError(f"The number of members of a network is {settings.members!r}; give a whole number from 1 to {MOST_MEMBERS}.")
    if isinstance(learner.jobs, bool) or not isinstance(learner.jobs, (int, np.integer)) or learner.jobs < 1:
        raise SettingsError(f"The number of threads is {learner.jobs!r}; give 1 or more.")
    if settings.pretrain and (learner.profile.kind not in ("soilnet", "soilnet-small") or not getattr(learner.inputs_, "variables", ())):
        raise SettingsError(
            f"Pretraining lets an image branch and a climate branch find each other, and {learner.name!r} has not both here. Leave --pretrain out."
        )


def _fit_member(learner, data, z, groups, seed, number, positive, report):
    """One network, trained; its history, and who validated."""
    from soilcore.models.checkpoints import checkpoint_for
    from soilcore.models.pretraining import pretrain_contrastive
    from soilcore.models.training import train_network

    settings, target = learner.settings, learner.scale_.forward(z)
    network, division, how, turned = _begun(learner, data, z, groups, seed, positive)
    key = fit_key(learner, data, z, groups, seed)
    if settings.pretrain:
        seen = _without_target(data, division.train)
        mine = part(report, 0, _PRETRAINING_SHARE)
        pretrain_contrastive(network, seen, np.arange(len(seen)), how, checkpoint=checkpoint_for(f"{key}-pretrain-{len(seen)}"), report=mine)
        division = replace(division, note=f"{division.note} Its branches were pre-trained without the target on {len(seen)} places.")
        report = part(report, _PRETRAINING_SHARE, 1 - _PRETRAINING_SHARE)
    history = train_network(
        network,
        data,
        target,
        division.train,
        division.validation,
        how,
        augment=turned,
        groups=_curve_groups(learner, groups),
        checkpoint=checkpoint_for(key),
        report=report,
        name=learner.name if number == 0 else f"{learner.name} {number + 1}",
    )
    return network.eval(), history, division


def _begun(learner, data, z, groups, seed, positive):
    """A network with fresh weights, who trains and validates it, how, and what is done to its windows meanwhile."""
    from soilcore.models.networks import build_network
    from soilcore.models.neural_profiles import network_options
    from soilcore.models.torch_device import own_randomness

    settings = learner.settings
    places = None if data.surroundings is None else data.surroundings.coordinates
    side = 0.0 if data.surroundings is None else data.surroundings.reach_m
    held = learner._validation
    division = divide(len(z), groups, places, side, settings.validation, seed) if held is None else named_division(len(z), held)
    target = learner.scale_.forward(z)
    with own_randomness("cpu"):
        import torch

        torch.manual_seed(seed)
        network = build_network(learner.profile.kind, network_options(learner, positive))
    start_at_mean(network, float(target[division.train].mean()), getattr(network, "output", "linear"))
    how = training_settings(learner.profile, settings, seed=seed, device=learner.device_, threads=threads_of(learner))
    turned = FlipsAndTurns("image") if settings.augment and "image" in network.inputs_needed else None
    return network, division, how, turned


class _WithoutTarget:
    """Rows of training samples, and after them places without a target."""

    def __init__(self, data, train, elsewhere):
        self.data, self.train, self.elsewhere = data, train, elsewhere

    def __len__(self):
        return self.train.size + (0 if self.elsewhere is None else len(self.elsewhere))

    def batch(self, rows):
        """Inputs of the network, in the order of the rows."""
        rows = np.asarray(rows)
        known = rows < self.train.size
        parts = [self.data.batch(self.train[rows[known]])] if known.any() else []
        if not known.all():
            parts.append(self.data.inputs.arrays(None, self.elsewhere.batch(rows[~known] - self.train.size)))
        order = np.argsort(np.argsort(~known, kind="stable"), kind="stable")
        return {name: np.concatenate([each[name] for each in parts])[order] for name in parts[0]}


def _without_target(data, train):
    """What pre-training sees: the training samples, and places that share no window with any other sample."""
    return _WithoutTarget(data, train, data.surroundings.take(train).unlabelled)


def _curve_groups(learner, groups):
    """Labels whose validation losses are kept apart: those that were given for it, else the groups where they are few."""
    if learner._curve_groups is not None:
        return np.asarray(learner._curve_groups).astype(str)
    return groups if groups is not None and np.unique(groups).size <= _MOST_GROUPS else None


def start_at_mean(network, level, output):
    """Let the last layer begin at the mean of the training targets, so that no epochs are spent on finding it.

    Parameters
    ----------
    network : Network
        With ``last``.
    level : float
        Mean target as the network is trained on.
    output : {"linear", "softplus"}
        What follows the last layer.
    """
    import torch

    if output == "softplus":
        level = max(level, 1e-3)
        level = level + np.log1p(-np.exp(-level))  # the inverse of softplus
    with torch.no_grad():
        network.last.bias.fill_(float(level))


def fit_key(learner, data, z, groups, seed):
    """Name of the checkpoint of one member: the same for the same learner, data and seed, and for no other.

    Windows enter by their statistics, which every pixel changes; reading them all once more would take as long as an epoch.
    """
    digest = hashlib.sha256()
    parameters = {name: value for name, value in learner.get_params(deep=False).items() if name not in ("jobs", "network", "random_state")}
    digest.update(repr(sorted(parameters.items())).encode())
    digest.update(repr(sorted(asdict(learner.settings).items())).encode())
    facts, arrays = learner.inputs_.stored()
    digest.update(repr(sorted(facts.items())).encode())
    around = data.surroundings
    places = None if around is None else around.coordinates
    for values in (data.X, z, groups, places, learner._validation, *(arrays[name] for name in sorted(arrays))):
        digest.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
    needs = None if around is None else around.needs
    digest.update(repr((learner._names(), needs, seed)).encode())
    return digest.hexdigest()


def _held_out(learner, data, network, rows):
    """What one member gives for the samples that were held out of its training."""
    from soilcore.models.training_predict import predict_network

    return predict_network(network, data, rows, learner.device, PREDICTED_ROWS, threads=threads_of(learner)).astype(float)


def _residuals(scale, z, given):
    """Observed less predicted of held-out samples on the logarithm a network took for itself; empty without one."""
    return np.log1p(z) - scale.logarithm(given) if scale.name == "log1p" else np.empty(0)


def _smearing(scale, residuals):
    """Duan's factor of a network's own logarithm, from samples held out of training; 1 where too few tell."""
    if scale.name != "log1p" or residuals.size < _SMEARED_FROM:
        return 1.0
    return float(np.clip(np.mean(np.exp(residuals)), 1 / _LARGEST_SMEARING, _LARGEST_SMEARING))
