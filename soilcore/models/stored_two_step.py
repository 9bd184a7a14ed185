"""The dual-step model in a model folder: plain arrays for the classification, the regressions as the learners they are."""

import numpy as np

_PLAIN = ("tau_", "tau_curve_", "search_", "choice_", "notes_")
_ARRAYS = ("factors_", "inner_folds_", "labels_", "oof_probabilities_", "oof_parts_")


def two_step_class():
    """The class, imported when it is needed."""
    from soilcore.models.two_step import TwoStepModel

    return TwoStepModel


def write_two_step(learner, writer, prefix):
    """What a fitted `TwoStepModel` learned, as JSON values; arrays go to files of `writer` whose names start with `prefix`."""
    from soilcore.models.class_forms import form_arrays, form_name
    from soilcore.models.structure import describe

    classifier = learner.classifier_
    arrays = {name: np.asarray(getattr(learner, name)) for name in _ARRAYS} | {"raw": classifier.raw}
    if learner.limits_ is not None:
        arrays["limits_"] = learner.limits_
    for number, calibrator in enumerate(classifier.calibrators):
        arrays |= {f"calibrator{number}.scores": calibrator.scores, f"calibrator{number}.values": calibrator.values}
    return {
        **{name: getattr(learner, name) for name in _PLAIN},
        "edges_": learner.edges_,
        "classifier": {
            "name": classifier.name,
            "form": form_name(classifier.classifier),
            "arrays": writer.add_arrays(f"{prefix}.classifier", form_arrays(classifier.classifier)),
            "calibrators": len(classifier.calibrators),
        },
        "arrays": writer.add_arrays(prefix, arrays),
        "regressors_": [describe(regression, writer, f"{prefix}.class{label}") for label, regression in enumerate(learner.regressors_)],
    }


def read_two_step(learner, learned, reader):
    """Give `learner` what `write_two_step` wrote; it then predicts the same to the last bit.

    Raises
    ------
    ModelError
        If a part is not what it should be.
    """
    from soilcore.models.calibration import Calibrator
    from soilcore.models.class_forms import rebuilt_form
    from soilcore.models.classifiers import CalibratedClassifier
    from soilcore.models.structure import rebuild

    for name in _PLAIN:
        setattr(learner, name, tuple(learned[name]) if isinstance(learned[name], list) else learned[name])
    learner.edges_ = tuple(learned["edges_"])
    arrays = reader.arrays(learned["arrays"])
    for name in _ARRAYS:
        setattr(learner, name, arrays[name])
    learner.limits_ = arrays.get("limits_")
    facts = learned["classifier"]
    calibrators = tuple(Calibrator(arrays[f"calibrator{n}.scores"], arrays[f"calibrator{n}.values"]) for n in range(facts["calibrators"]))
    form = rebuilt_form(facts["form"], reader.arrays(facts["arrays"]))
    learner.classifier_ = CalibratedClassifier(facts["name"], form, calibrators, arrays["raw"], learner.oof_probabilities_)
    learner.regressors_ = tuple(rebuild(description, reader) for description in learned["regressors_"])
