"""Settings become JSON and come back the same."""

import json

import pytest

from soilcore.core.errors import SettingsError
from soilcore.core.settings import from_plain, to_plain
from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.project.settings import CompareTask, InputSettings


def test_a_task_survives_the_trip_through_json():
    task = CompareTask(
        InputSettings(
            "a.csv",
            SampleSettings(target="EC", detection_limit=0.1),
            SceneSettings(("s.tif",), (("B1", "B"), ("B2", "G"))),
            FeatureSettings(indices=("SI",)),
        ),
        models=("rf", "mean"),
        splits=SplitSettings("block", block_size=900.0),
    )
    again = from_plain(CompareTask, json.loads(json.dumps(to_plain(task))))
    assert again == task


def test_an_unknown_setting_is_named_with_those_that_exist():
    with pytest.raises(SettingsError, match=r"no setting 'bloks'.*block_size"):
        from_plain(SplitSettings, {"bloks": 3})


@pytest.mark.parametrize("value", ["ten", None, [3]])
def test_a_value_of_the_wrong_type_is_refused(value):
    with pytest.raises(SettingsError, match="folds"):
        from_plain(SplitSettings, {"folds": value})
