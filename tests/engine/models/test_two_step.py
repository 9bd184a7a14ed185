"""Two steps: classes by their thresholds, calibrated probabilities, regressions of the classes, their recombination, and nothing of the test set."""

import functools

import numpy as np
import pytest

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.protocol import evaluate, fit_clone
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.archive import FittedModel, load_model, save_model, training_envelope
from soilcore.models.catalogue import make_learner
from soilcore.models.classifiers import classifier_names
from soilcore.models.compiled import compile_learner
from soilcore.models.settings import DualStepSettings, FitSettings
from soilcore.models.smeared_regressor import SmearedRegressor
from soilcore.models.two_step import TwoStepModel
from soilcore.models.two_step_threshold import hard, soft
from soilcore.project.dual_step_facts import verdict_of
from tests.engine import leak_checks
from tests.engine.models.synthetic import table

FAST = {"classifier": "logistic", "regressor": "ridge", "trials": 0, "device": "cpu"}


def two_populations(n=600, seed=0, share=0.4):
    """Predictors and a positive target: f0 decides the class, and f1 works downwards in the low class and upwards in the high one."""
    X, rng = table(n, 4, seed), np.random.default_rng(seed + 100)
    high = rng.random(n) < 1 / (1 + np.exp(-4 * (X["f0"] - np.quantile(X["f0"], 1 - share))))
    ln = np.where(high, 2.2 + 0.5 * X["f1"], -0.8 - 0.5 * X["f1"]) + 0.1 * rng.normal(size=n)
    return X, np.exp(np.asarray(ln))


def one_population(n=600, seed=0):
    X, rng = table(n, 4, seed), np.random.default_rng(seed + 100)
    return X, np.exp(0.7 + 0.8 * X["f0"] - 0.4 * X["f1"] + 0.3 * rng.normal(size=n)).to_numpy()


@pytest.fixture(scope="module")
def populations():
    return two_populations()


@pytest.fixture(scope="module")
def fitted(populations):
    return TwoStepModel(**FAST).fit(*populations)


def test_mixes_match_the_reference_numbers(oracle):
    case = oracle("spatial")["dual_step"]
    high = np.array(case["p_high"])
    probabilities, parts = np.column_stack([1 - high, high]), np.column_stack([case["low"], case["high"]])
    np.testing.assert_allclose(hard(probabilities, parts, 0.5), case["hard_tau_0_5"], atol=1e-12)
    np.testing.assert_allclose(hard(probabilities, parts, 0.6), case["hard_tau_0_6"], atol=1e-12)
    np.testing.assert_allclose(soft(probabilities, parts), case["soft"], atol=1e-12)


def test_a_value_exactly_on_the_threshold_is_low(populations):
    X, y = populations
    y = y.copy()
    y[:5] = 2.0
    model = TwoStepModel(**FAST).fit(X, y)
    assert not model.labels_[:5].any()
    np.testing.assert_array_equal(model.labels_, y > 2)


def test_regressions_stay_within_their_class(fitted, populations):
    rng = np.random.default_rng(1)
    _, parts = fitted.steps(rng.normal(scale=5, size=(500, 4)))
    assert parts[:, 0].min() >= 0
    assert parts[:, 0].max() == 2
    assert parts[:, 1].min() == 2
    assert parts[:, 1].max() <= populations[1].max()


def test_the_soft_mix_is_the_conditional_mean_where_class_and_value_are_known():
    X, y = two_populations(4000, seed=5)
    model = TwoStepModel(**FAST).fit(X, y)
    new, value = two_populations(20000, seed=6)
    predicted = model.predict(new)
    order = np.argsort(predicted)
    for rows in np.array_split(order, 8):
        assert predicted[rows].mean() == pytest.approx(value[rows].mean(), rel=0.12)
    assert np.mean((predicted - value) ** 2) < np.mean((hard(*model.steps(new)) - value) ** 2)


def test_two_steps_pay_where_the_relation_differs_by_class(populations):
    verdict, facts = verdict_of(*_evaluations(*populations))
    assert facts["paid"] is True
    assert verdict.startswith("Two steps paid: R2")
    assert facts["r2"] - facts["r2_single"] == pytest.approx(facts["difference"])


def test_two_steps_do_not_pay_where_one_relation_holds_for_all():
    verdict, facts = verdict_of(*_evaluations(*one_population()))
    assert facts["paid"] is not True
    assert "single regression" in verdict


def _evaluations(X, y):
    splits = make_splits(SplitSettings(folds=5), len(y))
    learners = {"dual-step soft": TwoStepModel(**FAST), "ridge log10": SmearedRegressor("ridge", trials=0, device="cpu")}
    return {name: evaluate(learner, X, y, splits, name=name) for name, learner in learners.items()}, "dual-step soft", splits


@pytest.mark.parametrize("settings", [{"at": "search", "tau": "tune"}, {"train_on": "predicted", "tau": "tune"}, {"edges": (1.0, 2.0)}])
def test_altering_the_outer_test_set_leaves_everything_unchanged(settings):
    X, y, group = leak_checks.world(120, groups=30)
    make = functools.partial(TwoStepModel, **{"at": float(np.median(y)), "fewest": 8, **FAST, **settings})
    assert leak_checks.blind_to_the_test_set(make, X, y, leak_checks.group_splits(group)) == 0


def test_permuted_targets_show_no_skill():
    X, y, group = leak_checks.world(120, groups=30)
    make = functools.partial(TwoStepModel, at=float(np.median(y)), fewest=15, tau="tune", **FAST)
    for splits in (leak_checks.group_splits(group), make_splits(SplitSettings(folds=2), y.size)):
        scores = leak_checks.permuted_scores(make, X, y, splits)
        assert np.quantile(scores, 0.95) <= 0.05
    assert evaluate(make(), X, y, splits).scores["r2"] > 0.2


def test_inner_folds_keep_groups_whole():
    X, y, group = leak_checks.world(180, groups=30)
    model = TwoStepModel(at=float(np.median(y)), fewest=10, **FAST).fit(X, y, groups=group)
    assert all(np.unique(model.inner_folds_[group == one]).size == 1 for one in range(30))
    assert np.unique(model.inner_folds_).size == 5


def test_inner_folds_hold_every_class_evenly(fitted):
    shares = [np.mean(fitted.labels_[fitted.inner_folds_ == fold]) for fold in range(5)]
    assert np.ptp(shares) < 0.02


def test_three_classes_have_their_own_probability_and_map_layers(populations):
    X, y = populations
    model = TwoStepModel(edges=(0.4, 2.0, 900.0), **FAST).fit(X, y)
    assert model.edges_ == (0.4, 2.0)
    assert "The classes on both sides of 900 are one" in model.notes_[0]
    probabilities, parts = model.steps(X)
    assert probabilities.shape == parts.shape == (len(X), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(model.predict(X), (probabilities * parts).sum(axis=1))
    layers = model.layers(probabilities)
    assert tuple(layers) == model.extra_layers_ == ("p_class_1", "p_class_2", "p_class_3", "class", "entropy")
    assert set(layers["class"]) <= {0, 1, 2}
    assert 0 <= layers["entropy"].min() <= layers["entropy"].max() <= 1


@pytest.mark.parametrize("classifier", classifier_names(compared=False))
def test_a_stored_model_predicts_the_same_to_the_last_bit(classifier, tmp_path):
    X, y = two_populations(150)
    model = TwoStepModel(**{**FAST, "classifier": classifier}, mix="hard", tau="tune").fit(X, y)
    whole = FittedModel(model, "dual-step", {}, {"column": "EC"}, training_envelope(X), {}, {})
    again = load_model(save_model(whole, tmp_path / "model")).learner
    rows = table(40, 4, seed=9)
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    np.testing.assert_array_equal(again.probabilities(rows), model.probabilities(rows))
    assert again.tau_ == model.tau_
    assert again.get_params() == model.get_params()


@pytest.mark.parametrize(("classifier", "regressor"), [("extra-trees", "xgboost"), ("knn", "ridge")])
def test_the_compiled_model_maps_the_same_values_and_layers(classifier, regressor):
    X, y = two_populations(200)
    X = X.astype(np.float32).astype(float)
    model = TwoStepModel(**{**FAST, "classifier": classifier, "regressor": regressor}).fit(X, y)
    rows = table(70, 4, seed=4).to_numpy(np.float32)
    compiled = compile_learner(model)
    np.testing.assert_allclose(compiled.predict(rows), model.predict(rows.astype(float)), rtol=1e-5)
    layers = compiled.layers(rows)
    np.testing.assert_array_equal(layers["p_high"], model.probabilities(rows.astype(float))[:, 1])
    np.testing.assert_array_equal(compiled.layers(rows[7:9])["p_high"], layers["p_high"][7:9])
    values, same = compiled.predict_with_layers(rows)
    np.testing.assert_array_equal(values, compiled.predict(rows))
    np.testing.assert_array_equal(same["entropy"], layers["entropy"])


def test_the_result_depends_on_the_seed_and_not_on_the_threads(populations):
    X, y = (part[:200] for part in populations)
    settings = {**FAST, "classifier": "xgboost"}
    one, two, other = (TwoStepModel(**settings, jobs=jobs, random_state=seed).fit(X, y).predict(X) for jobs, seed in ((1, 3), (2, 3), (1, 4)))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0


def test_auto_takes_the_classifier_with_the_best_brier_score():
    X, y = two_populations(120)
    model = TwoStepModel(**{**FAST, "classifier": "auto"}).fit(X, y)
    assert {row["name"] for row in model.choice_} == set(classifier_names())
    assert model.choice_[0]["name"] == model.classifier_.name
    assert model.choice_[0]["brier"] == min(row["brier"] for row in model.choice_)


def test_regressions_can_learn_from_predicted_classes_and_then_leave_their_class(populations):
    X, y = populations
    model = TwoStepModel(train_on="predicted", **FAST).fit(X, y)
    assert model.limits_ is None
    assert model.notes_ == ()
    assert model.steps(X)[1][:, 0].max() > 2
    rare = np.where(y > np.quantile(y, 0.94), y, 0.01 * y)  # so rare and so blurred that hardly any sample is called high
    noise = table(len(y), 4, seed=77)
    assert "learn from the true classes" in TwoStepModel(train_on="predicted", **FAST).fit(noise, rare).notes_[0]


def test_too_few_samples_in_a_class_is_said_with_what_to_do(populations):
    X, y = populations
    with pytest.raises(
        ModelError, match=r"0 of 600 training samples are above 1e\+06 and 600 are not; each step needs 30. Choose a threshold between"
    ):
        TwoStepModel(at=1e6, **FAST).fit(X, y)
    with pytest.raises(ModelError, match=r"each step needs 30, which 40 samples cannot give\. Use one regression for all"):
        TwoStepModel(**FAST).fit(X[:40], y[:40])
    with pytest.raises(ModelError, match="too many values are equal"):
        TwoStepModel(**FAST).fit(X, np.where(np.arange(600) < 580, 1.0, 3.0))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tau": 1.2}, "tau is 1.2"),
        ({"at": "high"}, "The threshold is 'high'"),
        ({"edges": (4.0, 2.0)}, "must be ascending"),
        ({"classifier": "bayes"}, "There is no classifier 'bayes'. Classifiers: auto, logistic"),
        ({"regressor": "auto"}, "There is no tuned learner 'auto'"),
        ({"mix": "firm"}, "mix is 'firm'; choose one of soft, hard"),
        ({"train_on": "predicted", "tau": "tune", "tau_by": "rmse"}, "tau cannot be tuned by RMSE"),
        ({"miss_cost": 0}, "cost of a missed high sample is 0"),
    ],
)
def test_settings_without_a_meaning_are_refused(settings, said, populations):
    with pytest.raises(SettingsError, match=said):
        TwoStepModel(**{**FAST, **settings}).fit(*populations)


def test_targets_with_zeros_or_negative_values_are_modelled_too(populations):
    X, y = populations
    for shifted in (np.where(y < 0.3, 0.0, y), y - 1.0):
        predicted = fit_clone(TwoStepModel(at=1.5, **FAST), X, shifted).predict(X)
        assert np.isfinite(predicted).all()
        assert np.corrcoef(predicted, shifted)[0, 1] > 0.6


def test_a_target_transform_is_the_scale_of_the_regressions_and_of_the_answer(populations):
    X, y = populations
    model = TwoStepModel(target_transform="log1p", **FAST).fit(X, y)
    assert {regression.transform_.name for regression in model.regressors_} == {"log1p"}
    np.testing.assert_allclose(np.expm1(model.predict_transformed(X)), model.predict(X), rtol=1e-9)


def test_the_catalogue_makes_it_with_its_own_settings():
    learner = make_learner("dual-step", FitSettings(trials=0, dual_step=DualStepSettings(at=1.5, mix="hard", classifier="rf", regressor="ridge")))
    assert (learner.at, learner.mix, learner.classifier, learner.regressor, learner.trials) == (1.5, "hard", "rf", "ridge", 0)
