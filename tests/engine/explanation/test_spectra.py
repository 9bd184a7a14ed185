"""Attribution over the spectrum: from test spectra of several seeds to profiles, their likeness and the absorptions beneath."""

import numpy as np
import pytest

from soilcore.core.errors import NotAvailableError, SettingsError, Stopped
from soilcore.explanation.spectra import SpectralFit, explain_spectra, linear_weights
from soilcore.models.catalogue import make_learner
from soilcore.models.neural import SpectraNetwork
from soilcore.models.settings import FitSettings, NetworkSettings

AXIS = np.linspace(3000, 1000, 120)
CARBONATE, SILICATE = (np.exp(-0.5 * ((AXIS - centre) / width) ** 2) for centre, width in ((2520, 40), (1080, 50)))
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def library(n=200, seed=0):
    """Spectra of two absorptions; the target follows the carbonate. "limestone" holds much of it, "sandstone" little."""
    rng = np.random.default_rng(seed)
    group = np.where(rng.random(n) < 0.5, "limestone", "sandstone")
    carbonate = rng.uniform(0, 1, n) + np.where(group == "limestone", 1.0, 0.0)
    X = carbonate[:, None] * CARBONATE + rng.uniform(0, 1, (n, 1)) * SILICATE + 0.02 * rng.normal(size=(n, AXIS.size))
    return X, 3 * carbonate + 0.1 * rng.normal(size=n), group


@pytest.fixture(scope="module")
def fits():
    X, y, group = library()
    made = []
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(len(y))
        train, test = order[:140], order[140:]
        learner = SpectraNetwork(device="cpu", random_state=seed, network=NetworkSettings(epochs=10, batch=16, learning_rate=6e-3)).fit(
            X[train], y[train]
        )
        made.append(SpectralFit(learner, X[test], X[train], group[test]))
    return made


@pytest.fixture(scope="module")
def told(fits):
    return explain_spectra(fits, AXIS, "cm-1", draws=30, baselines=40)


def test_the_absorption_that_the_target_follows_carries_the_attribution(told):
    assert told["bands"]["all"][0]["id"] == "carbonate_combination"
    assert told["bands"]["all"][0]["density"] > 3
    profile = np.array(told["profiles"]["limestone"])
    assert AXIS[np.abs(profile).argmax()] == pytest.approx(2520, abs=80)
    assert told["method"] == "GradientShap"


def test_groups_on_either_side_of_the_baselines_have_opposite_profiles(told):
    """Limestone lies above what training gives on average, sandstone below."""
    names = [row["group"] for row in told["groups"]]
    assert set(names) == {"all", "limestone", "sandstone"}
    one, other = names.index("limestone"), names.index("sandstone")
    assert told["correlation"][one][other] < -0.8
    assert sum(np.array(told["profiles"]["limestone"])) > 0 > sum(np.array(told["profiles"]["sandstone"]))
    assert {row["group"]: row["n"] for row in told["groups"]}["all"] == 120


def test_facts_say_how_they_were_made(told):
    assert told["seeds"] == 2
    assert told["tested"] == 120
    assert told["draws"] == 30
    assert told["baselines"] == 80
    assert told["scale"] == "the unit of the target"
    assert told["gap_share"] < 0.3
    assert len(told["sentences"]) == 3
    sizes, profile = (np.array(told[name]["limestone"]) for name in ("sizes", "profiles"))
    assert (sizes >= 0.999 * np.abs(profile) - 1e-3 * sizes.max()).all()
    assert AXIS[np.array(told["sizes"]["all"]).argmax()] == pytest.approx(2520, abs=80)
    assert np.shape(told["spread"]["all"]) == AXIS.shape


def test_members_of_one_network_count_as_seeds():
    X, y, _ = library(80)
    learner = SpectraNetwork(device="cpu", network=NetworkSettings(epochs=1, batch=16, members=3)).fit(X[:60], y[:60])
    assert explain_spectra([SpectralFit(learner, X[60:], X[:60])], AXIS, "cm-1", draws=2, baselines=5)["seeds"] == 3


def test_of_a_linear_model_attributions_are_exact():
    X, y, group = library()
    learner = make_learner("plsr", FitSettings(trials=0)).fit(X[:140], y[:140])
    weights = linear_weights(learner, X[:140])
    moved = X[150] + np.random.default_rng(0).normal(size=AXIS.size)
    change = learner.predict_transformed(moved[None]) - learner.predict_transformed(X[150][None])
    assert change[0] == pytest.approx((moved - X[150]) @ weights, rel=1e-6)
    told = explain_spectra([SpectralFit(learner, X[140:], X[:140], group[140:])], AXIS, "cm-1")
    assert told["method"] == "linear"
    assert told["gap"] < 1e-5
    assert told["bands"]["limestone"][0]["id"] == "carbonate_combination"
    assert told["spread"] is None


def test_a_learner_that_is_neither_network_nor_linear_is_refused():
    X, y, _ = library(60)
    forest = make_learner("rf", FitSettings(trials=0)).fit(X, y)
    assert linear_weights(forest, X) is None
    with pytest.raises(NotAvailableError, match="neither a network nor linear"):
        explain_spectra([SpectralFit(forest, X, X)], AXIS, "cm-1")


def test_many_test_spectra_are_thinned_evenly_from_all_groups(fits):
    fit = fits[0]
    told = explain_spectra([fit], AXIS, "cm-1", draws=2, baselines=5, most=20)
    assert {row["group"]: row["n"] for row in told["groups"]} == {"all": 20, "limestone": 10, "sandstone": 10}
    assert "20 are explained" in told["notes"][0]


def test_fits_may_come_one_by_one_and_can_be_stopped(fits):
    seen = []

    def stop(done, total, message):
        seen.append(done)
        if len(seen) > 3:
            raise Stopped

    with pytest.raises(Stopped):
        explain_spectra(iter(fits), AXIS, "cm-1", draws=50, report=stop)
    assert explain_spectra(iter(fits), AXIS, "cm-1", draws=2, baselines=4)["seeds"] == 2


def test_spectra_off_the_axis_and_no_spectra_are_refused(fits):
    with pytest.raises(SettingsError, match="119 points"):
        explain_spectra(fits, AXIS[:-1], "cm-1", draws=2)
    with pytest.raises(SettingsError, match="no fitted model"):
        explain_spectra([], AXIS, "cm-1")
    with pytest.raises(SettingsError, match="one group each"):
        explain_spectra([SpectralFit(fits[0].learner, fits[0].tested, fits[0].trained, ["a"])], AXIS, "cm-1", draws=2)
