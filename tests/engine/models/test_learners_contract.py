"""scikit-learn's own checks on every learner, with small settings."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilcore.models.auto import AutoModel
from soilcore.models.baselines import BestIndexModel, MeanModel
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.stacking import StackingModel

SMALL = {
    "plsr": {},
    "ridge": {},
    "svr": {"C": 10.0},
    "rf": {"n_estimators": 10, "min_samples_leaf": 1, "max_features": 1.0},
    "xgboost": {"rounds": 20, "learning_rate": 0.3, "min_child_weight": 1.0},
    "mlp": {"layers": "8", "seeds": 2, "alpha": 0.1},
}
LEARNERS = [
    MeanModel(),
    BestIndexModel(),
    *[TunedRegressor(name, parameters=parameters, device="cpu") for name, parameters in SMALL.items()],
    AutoModel(kinds=("pls",)),
    StackingModel(members=("ridge", "xgboost"), parameters={"ridge": {}, "xgboost": {**SMALL["xgboost"], "rounds": 10}}, device="cpu"),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(LEARNERS)
def test_scikit_learns_contract_holds(estimator, check):
    check(estimator)
