"""Packed trees predict what the libraries predict, to the last threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilcore.core.compiling import is_compiled
from soilcore.core.errors import ModelError, UnreadableError
from soilcore.models import forest as forests
from soilcore.models.forest import CannotPack, LibraryForest, PackedForest, compile_forest, pack_forest


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(160, 5)).astype(np.float32)
    X[:, 4] = rng.integers(0, 3, 160)
    y = 3 * X[:, 0] + np.sin(4 * X[:, 1]) + X[:, 4] + rng.normal(0, 0.2, 160)
    return X, y


@pytest.fixture(scope="module")
def averaged(table):
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(25, random_state=0).fit(*table)


@pytest.fixture(scope="module")
def boosted(table):
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=40, max_depth=4, random_state=0, n_jobs=1).fit(*table)


@pytest.fixture(scope="module")
def pixels():
    return (np.random.default_rng(9).normal(size=(1013, 5)) * 1.5).astype(np.float32)


def thresholds_of(averaged, boosted):
    """Every threshold of both, and the float32 values on either side of it."""
    import json

    values = [member.tree_.threshold[member.tree_.feature >= 0] for member in averaged.estimators_]
    trees = json.loads(bytes(boosted.get_booster().save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    values += [np.array(tree["split_conditions"])[np.array(tree["left_children"]) >= 0] for tree in trees]
    exact = np.concatenate(values).astype(np.float32)
    return np.concatenate([exact, np.nextafter(exact, np.float32(np.inf)), np.nextafter(exact, np.float32(-np.inf))])


def test_a_random_forest_is_reproduced_to_1e_12(averaged, pixels):
    packed = pack_forest(averaged)
    np.testing.assert_allclose(packed.predict(pixels), averaged.predict(pixels), rtol=0, atol=1e-12)


def test_extra_trees_are_reproduced_to_1e_12(table, pixels):
    from sklearn.ensemble import ExtraTreesRegressor

    trees = ExtraTreesRegressor(10, random_state=1).fit(*table)
    np.testing.assert_allclose(pack_forest(trees).predict(pixels), trees.predict(pixels), rtol=0, atol=1e-12)


def test_xgboost_is_reproduced_to_1e_5(boosted, pixels):
    np.testing.assert_allclose(pack_forest(boosted).predict(pixels), boosted.predict(pixels), rtol=1e-5, atol=1e-5)


def test_values_exactly_on_a_threshold_take_the_library_s_way(averaged, boosted):
    values = thresholds_of(averaged, boosted)
    rng = np.random.default_rng(0)
    X = rng.choice(values, size=(4000, 5)).astype(np.float32)
    np.testing.assert_allclose(pack_forest(averaged).predict(X), averaged.predict(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(pack_forest(boosted).predict(X), boosted.predict(X), rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_float32_row_takes_the_library_s_way(averaged, boosted, data):
    ordinary = st.floats(width=32, allow_nan=False, allow_infinity=False)
    on_threshold = st.sampled_from(list(thresholds_of(averaged, boosted)[:400]))
    row = data.draw(st.lists(ordinary | on_threshold, min_size=5, max_size=5))
    X = np.array([row], np.float32)
    assert abs(pack_forest(averaged).predict(X)[0] - averaged.predict(X)[0]) <= 1e-12
    assert abs(pack_forest(boosted).predict(X)[0] - boosted.predict(X)[0]) <= 1e-5


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-4, 4, width=32), min_size=12, max_size=12, unique=True), st.integers(0, 2**31 - 1))
def test_a_tree_fitted_on_neighbouring_floats_still_routes_exactly(values, seed):
    """Adjacent float32 values have a midpoint that only float64 holds: the threshold must be rounded down, never to nearest."""
    from sklearn.ensemble import RandomForestRegressor

    values = np.array(values, np.float32)
    X = np.concatenate([values, np.nextafter(values, np.float32(np.inf))])[:, None]
    y = np.random.default_rng(seed).normal(size=len(X))
    fitted = RandomForestRegressor(3, bootstrap=False, random_state=0).fit(X, y)
    np.testing.assert_array_equal(pack_forest(fitted).predict(X), fitted.predict(X))


def test_threads_and_order_change_nothing(averaged, pixels):
    packed = pack_forest(averaged)
    shuffled = np.random.default_rng(0).permutation(len(pixels))
    once = packed.predict(pixels)
    np.testing.assert_array_equal(packed.predict(pixels, threads=3), once)
    np.testing.assert_array_equal(packed.predict(pixels[shuffled]), once[shuffled])
    np.testing.assert_array_equal(np.concatenate([packed.predict(pixels[i : i + 1]) for i in range(20)]), once[:20])


def test_boosting_stopped_early_uses_the_best_rounds_only(table, pixels):
    from xgboost import XGBRegressor

    X, y = table
    model = XGBRegressor(n_estimators=200, max_depth=5, learning_rate=0.5, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:80], y[:80], eval_set=[(X[80:], y[80:])], verbose=False)
    assert model.best_iteration < 199
    packed = pack_forest(model)
    np.testing.assert_allclose(packed.predict(pixels), model.predict(pixels), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(LibraryForest(model, 5).predict(pixels), model.predict(pixels), rtol=1e-6)


def test_the_arrays_survive_a_trip_through_a_file(averaged, boosted, pixels, tmp_path):
    for fitted in (averaged, boosted):
        packed = pack_forest(fitted)
        packed.to_npz(tmp_path / "forest.npz")
        np.testing.assert_array_equal(PackedForest.from_npz(tmp_path / "forest.npz").predict(pixels), packed.predict(pixels))


def test_a_damaged_file_is_refused(averaged, tmp_path):
    packed = pack_forest(averaged)
    packed.nodes[1] |= np.uint32(0xFFFFFF)  # the first link leads outside its tree
    packed.to_npz(tmp_path / "forest.npz")
    with pytest.raises(UnreadableError, match="damaged"):
        PackedForest.from_npz(tmp_path / "forest.npz")
    np.savez(tmp_path / "other.npz", nodes=np.array([{"a": 1}], dtype=object), schema="soilcore-forest/1")
    with pytest.raises(UnreadableError, match="not a packed forest"):
        PackedForest.from_npz(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("nothing of the kind")
    with pytest.raises(UnreadableError, match="not a packed forest"):
        PackedForest.from_npz(tmp_path / "text.npz")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_missing_values_are_refused(averaged, boosted, pixels, wrong):
    spoilt = pixels.copy()
    spoilt[7, 2] = wrong
    for compiled in (pack_forest(averaged), LibraryForest(averaged, 5), pack_forest(boosted)):
        with pytest.raises(ModelError, match="missing or infinite"):
            compiled.predict(spoilt)


def test_another_number_of_columns_is_refused(averaged, pixels):
    with pytest.raises(ModelError, match="fitted on 5 features"):
        pack_forest(averaged).predict(pixels[:, :4])


def test_without_numba_the_libraries_answer_the_same(averaged, boosted, pixels, monkeypatch):
    fast = [compile_forest(fitted).predict(np.tile(pixels, (3, 1)))[:1013] for fitted in (averaged, boosted)]
    packed = pack_forest(averaged)
    monkeypatch.setattr(forests, "find_spec", lambda name: None)
    monkeypatch.setattr(forests, "kernel", lambda: None)
    slow = [compile_forest(fitted) for fitted in (averaged, boosted)]
    assert all(isinstance(compiled, LibraryForest) for compiled in slow)
    np.testing.assert_allclose(slow[0].predict(pixels, threads=2), fast[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(slow[1].predict(pixels), fast[1], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(packed.predict(pixels), fast[0])  # packed arrays read from disk


def test_few_rows_go_down_without_the_compiler_and_give_the_same_to_the_last_bit(averaged, boosted, pixels, monkeypatch):
    for fitted in (averaged, boosted):
        packed, many = pack_forest(fitted), np.tile(pixels, (3, 1))
        fast = packed.predict(many)
        assert is_compiled("soilcore.models.forest_kernel", "add_trees")  # too many for NumPy
        monkeypatch.setattr(forests, "is_compiled", lambda module, kernel: False)
        monkeypatch.setattr(forests, "_gone", [0])
        monkeypatch.setattr(forests, "kernel", lambda: pytest.fail("a few rows asked for the kernel"))
        for rows in (1, 1013):
            np.testing.assert_array_equal(packed.predict(pixels[:rows]), fast[:rows])
        forests._gone[0] = forests._MUCH  # many calls later
        with pytest.raises(pytest.fail.Exception, match="asked for the kernel"):
            packed.predict(pixels[:1])
        monkeypatch.undo()


def test_what_cannot_be_packed_goes_the_library_s_way(table, pixels):
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor

    X, y = table
    dart = XGBRegressor(n_estimators=5, booster="dart", n_jobs=1).fit(X, y)
    counts = XGBRegressor(n_estimators=5, objective="count:poisson", n_jobs=1).fit(X, np.abs(y))
    two = RandomForestRegressor(3, random_state=0).fit(X, np.column_stack([y, y]))
    wide = RandomForestRegressor(2, random_state=0).fit(np.tile(X, (1, 60)), y)
    for fitted, reason in ((dart, "dart"), (counts, "objective"), (two, "2 targets"), (wide, "300 features")):
        with pytest.raises(CannotPack, match=reason):
            pack_forest(fitted)
    for fitted in (dart, counts):
        compiled = compile_forest(fitted)
        assert isinstance(compiled, LibraryForest)
        np.testing.assert_allclose(compiled.predict(pixels), fitted.predict(pixels), rtol=1e-6)


def test_categorical_splits_are_left_to_the_library(table):
    import pandas as pd
    from xgboost import XGBRegressor

    X, y = table
    frame = pd.DataFrame(X, columns=list("abcde")).assign(e=pd.Categorical(X[:, 4].astype(int)))
    fitted = XGBRegressor(n_estimators=5, enable_categorical=True, n_jobs=1).fit(frame, y)
    with pytest.raises(CannotPack, match="categor"):
        pack_forest(fitted)


def test_a_forest_of_stumps_and_single_leaves_works(table, pixels):
    from sklearn.ensemble import RandomForestRegressor

    X, _ = table
    constant = RandomForestRegressor(4, random_state=0).fit(X, np.full(len(X), 2.5))
    np.testing.assert_array_equal(pack_forest(constant).predict(pixels), np.full(len(pixels), 2.5))
    assert pack_forest(constant).predict(pixels[:0]).shape == (0,)
