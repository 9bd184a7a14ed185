"""Validation loss by group over the epochs of several folds: labels decide nothing, each fold counts as long as it trains."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError
from soilcore.evaluation.epoch_curves import NO_GROUP, SMALLER, curve_labels, losses_by_group
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits


def course(*epochs):
    """A training whose epochs have these losses by group."""
    return {"rows": [{"epoch": number, "group_losses": losses} for number, losses in enumerate(epochs, start=1)]}


THREE = [
    course({"sand": 3.0, "clay": 5.0}, {"sand": 1.0, "clay": 4.0}, {"sand": 9.0, "clay": 3.0}),
    course({"sand": 1.0, "clay": 7.0}, {"sand": 2.0, "clay": 2.0}),
    course({"sand": 2.0}, {"sand": 3.0}, {"sand": 1.0}),
]


def test_a_mean_is_of_the_folds_that_reached_the_epoch_and_hold_the_group():
    told = losses_by_group(THREE)
    assert told["fits"] == 3
    assert told["epochs"] == [3, 2, 3]
    by = {(row["epoch"], row["group"]): (row["loss"], row["fits"]) for row in told["rows"]}
    assert by == {
        (1, "clay"): (6.0, 2),
        (1, "sand"): (2.0, 3),
        (2, "clay"): (3.0, 2),
        (2, "sand"): (2.0, 3),
        (3, "clay"): (3.0, 1),
        (3, "sand"): (5.0, 2),
    }
    assert next(row["sd"] for row in told["rows"] if (row["epoch"], row["group"]) == (1, "clay")) == pytest.approx(np.sqrt(2))
    assert next(row["sd"] for row in told["rows"] if row["fits"] == 1) is None


def test_first_lowest_and_last_look_at_the_same_folds_only():
    clay, sand = losses_by_group(THREE)["groups"]
    assert clay == {"group": "clay", "fits": 2, "first": 6.0, "lowest": 3.0, "lowest_epoch": 2, "last": 3.0, "last_epoch": 2}
    assert (sand["fits"], sand["last_epoch"]) == (3, 2)


def test_different_ends_and_absent_groups_are_said():
    said = losses_by_group(THREE, "divisions")["said"]
    assert "after 2 to 3 epochs" in said
    assert "Not every group" in said
    assert "divisions" in said
    assert "stopped" not in losses_by_group(THREE[::2][:1] * 2)["said"]
    assert "one training of 3 epochs" in losses_by_group(THREE[:1])["said"]


def test_without_losses_of_groups_there_is_nothing_to_tell():
    assert losses_by_group([]) is None
    assert losses_by_group([{"rows": [{"epoch": 1, "loss": 1.0}]}]) is None


def test_small_groups_share_a_curve_where_there_are_many():
    assert curve_labels(None) is None
    assert curve_labels(np.array(["a", "", "b"], dtype=object)).tolist() == ["a", NO_GROUP, "b"]
    labels = np.array([f"site {number}" for number in range(60) for _ in range(60 - number)])
    kept = curve_labels(labels)
    assert np.unique(kept).size == 40
    assert set(kept[labels == "site 59"]) == {SMALLER}
    assert set(kept[labels == "site 0"]) == {"site 0"}


def test_labels_of_the_training_rows_reach_every_fold_and_change_no_prediction():
    pytest.importorskip("torch")
    from tests.engine.models.neural_samples import network, spectra

    X, y = spectra(40, points=30)
    labels = np.where(np.arange(40) % 3 == 0, "sand", "clay")
    splits = make_splits(SplitSettings("random", folds=2), 40)
    learner = network("spectra-cnn", epochs=2)
    plain, labelled = evaluate(learner, X, y, splits), evaluate(learner, X, y, splits, curve_groups=labels)
    assert np.array_equal(plain.out_of_fold, labelled.out_of_fold)
    assert [(one["repeat"], one["fold"], len(one["rows"])) for one in labelled.curves] == [(0, 0, 2), (0, 1, 2)]
    assert not any("group_losses" in row for one in plain.curves for row in one["rows"])
    for one in labelled.curves:
        for row in one["rows"]:
            assert set(row["group_losses"]) <= {"sand", "clay"}
            assert min(row["group_losses"].values()) <= row["validation_loss"] <= max(row["group_losses"].values())
    with pytest.raises(ModelError, match="40 samples"):
        evaluate(learner, X, y, splits, curve_groups=labels[:39])
