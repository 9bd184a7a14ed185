"""Networks behind the face of every other learner: fit, predict, and what they know of themselves."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from soilcore.core.errors import SettingsError
from soilcore.core.progress import silent
from soilcore.models.inputs import LearnerInputError, checked_new, checked_training
from soilcore.models.learner import Learner
from soilcore.models.neural_fitting import PREDICTED_ROWS, fit_members, rates_of, threads_of
from soilcore.models.neural_inputs import FAMILIES, RowsOf
from soilcore.models.neural_profiles import IMAGE_NETWORKS, network_profile
from soilcore.models.settings import NetworkSettings
from soilcore.models.transforms import TargetTransform


class NetworkBase(Learner):
    """What all networks share.

    The learner's ``target_transform`` rules the modelling scale as everywhere: with ``log10`` or ``log1p`` the network is trained on that scale,
    shifted and divided only, and predictions come back as those of every learner. With ``none`` the learner promises values in the target's own
    unit, and the network takes the scale of its paper for itself: the SoilNets log1p where no training target is negative, without clipping,
    and the network for spectra the target as it is. What comes back from a logarithm that nobody asked for is a median; it is turned into a mean by Duan's
    factor from samples that were held out of training, and is at least 0.

    Attributes
    ----------
    members_ : tuple of Network
        Trained from different seeds, on the CPU, at rest; their mean predicts.
    inputs_ : SoilNetInputs, SSSoilNetInputs or SpectraInputs
        What is read, and how it is scaled.
    scale_ : TargetScale
        From the modelling scale to what the members give.
    history_ : tuple of History
        One per member.
    needs_ : NetworkNeeds or None
        Windows and months of training; a map cuts the same.
    embedding_mean_ : ndarray of shape (k,)
        Mean of the learned features over the training samples.
    facts_ : dict
        See `describe`.
    """

    minimum_rows = 10
    uses_surroundings = False

    def __init__(self, name="sssoilnet", target_transform="none", random_state=0, device="auto", jobs=1, network=None, smearing=1.0):
        self.name = name
        self.target_transform = target_transform
        self.random_state = random_state
        self.device = device
        self.jobs = jobs
        self.network = network
        self.smearing = smearing

    @property
    def label(self):
        """Its name, for messages."""
        return f"the network {self.name}"

    @property
    def settings(self):
        """How it is built and trained (`NetworkSettings`)."""
        return NetworkSettings() if self.network is None else self.network

    @property
    def profile(self):
        """Which modules it consists of and how its paper trains it (`Profile`)."""
        return network_profile(self.name)

    def fit(self, X, y, groups=None, report=silent, coordinates=None, curve_groups=None, validation=None):
        """Fit to samples; see `Learner.fit`.

        Parameters
        ----------
        X, y, groups, report
            As of every learner.
        coordinates : Surroundings, optional
            Windows and months of the samples, for networks that read them.
        curve_groups : array-like of shape (n_samples,), optional
            Labels by which the validation loss is kept apart, epoch by epoch; they decide nothing.
        validation : array-like of int, optional
            Rows that decide when training ends and are not trained on; None: they are drawn.
        """
        count = len(y) if hasattr(y, "__len__") else 0
        if curve_groups is not None and np.shape(curve_groups) != (count,):
            raise LearnerInputError(f"Groups of shape {np.shape(curve_groups)} do not belong to {count} samples. Give one label per sample.")
        self._curve_groups = curve_groups
        self._validation = None if validation is None else checked_validation(validation, count)
        try:
            return super().fit(X, y, groups, report, coordinates)
        finally:
            del self._curve_groups, self._validation

    def _fit(self, X, z, y, groups, report, surroundings=None):
        self.needs_ = None if surroundings is None else surroundings.needs
        self.inputs_ = FAMILIES[self.profile.family].learn(X, self._names(), surroundings, self.profile)
        fit_members(self, RowsOf(self.inputs_, X, surroundings), z, groups, report)

    def learning_rates(self, X, y, groups=None, report=silent, coordinates=None):
        """Learning-rate range test: at which rates the loss of a fresh network falls on these samples. Nothing is fitted.

        Parameters
        ----------
        X, y, groups, report, coordinates
            As in `fit`.

        Returns
        -------
        RateRange
            See `soilcore.models.training_rates`.
        """
        from sklearn.base import clone

        trial = clone(self)
        X, y, groups = checked_training(trial, X, y, groups)
        places = trial._places(coordinates, len(y))
        surroundings = places[0] if places else None
        trial.transform_, trial._validation = TargetTransform(trial.target_transform), None
        trial.needs_ = None if surroundings is None else surroundings.needs
        trial.inputs_ = FAMILIES[trial.profile.family].learn(X, trial._names(), surroundings, trial.profile)
        return rates_of(trial, RowsOf(trial.inputs_, X, surroundings), trial.transform_.forward(y), groups, report)

    def _names(self):
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    def _predict(self, X, surroundings=None):
        return self.scale_.inverse(self._outputs(RowsOf(self.inputs_, X, surroundings), "forward").mean(axis=0))

    def _outputs(self, data, method, members=None):
        """What the members give, float64 of shape (n_members, n_rows) or (n_members, n_rows, k)."""
        from soilcore.models.training_predict import predict_network

        rows = np.arange(len(data))
        chosen = self.members_ if members is None else members
        given = [predict_network(member, data, rows, self.device, PREDICTED_ROWS, method, threads=threads_of(self)) for member in chosen]
        return np.stack(given).astype(float)

    def embed(self, X, coordinates=None):
        """What the first member makes of samples before its last layer, less the mean of the training samples.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
        coordinates : Surroundings, optional
            For networks that read them.

        Returns
        -------
        ndarray of float64, shape (n_samples, k)
            Distances between samples in this space say how alike they are to the network.
        """
        check_is_fitted(self, "members_")
        X = checked_new(self, X)
        data = RowsOf(self.inputs_, X, *self._places(coordinates, len(X)))
        return self._outputs(data, "features", self.members_[:1])[0] - self.embedding_mean_

    def describe(self):
        """What a page or report says of the fitted network, as JSON values.

        Returns
        -------
        dict
            ``network``, ``parameters`` (trainable, of one member), ``members``, ``epochs`` and ``best_epochs`` (per member), ``stopped``,
            ``device``, ``device_note``, ``precision``, ``batch``, ``seconds``, ``samples``, ``target`` (sentence: scale it was trained on),
            ``notes`` (list of sentences), ``too_few`` (sentence, empty where there are enough samples), ``measured`` (the errors it rests on, see
            `soilcore.models.neural_gate.Measured`, or None); of networks with attention
            ``attention`` (``rows``, ``columns``, ``values``: mean over training samples and members, rows sum to 1) and of those with a window
            ``covariate_weights`` (layer to number), else None; ``vegetated``, mean share of the branch for vegetated ground, or None.
        """
        check_is_fitted(self, "members_")
        return {**self.facts_, "device": self.device_, "device_note": self.device_note_}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        tags.regressor_tags.poor_score = True  # on the few rows of scikit-learn's checks
        return tags


class NetworkLearner(NetworkBase):
    """A SoilNet or SS-SoilNet: reads windows of imagery, and months of climate, around the samples.

    Parameters
    ----------
    name : str
        One of `IMAGE_NETWORKS`.
    target_transform : {"none", "log10", "log1p"}
        Modelling scale; see `NetworkBase`.
    random_state : int, optional
        Initial weights, order of the samples, dropout, augmentation and the samples for validation derive from it.
    device : {"auto", "cpu", "cuda", "mps"}
    jobs : int
        CPU threads; more than 2 are not used.
    network : NetworkSettings, optional
    smearing : float
        Factor on the back-transformed prediction where a transform was asked for.
    """

    uses_coordinates = True
    uses_surroundings = True
    accepts_missing = True

    def _places(self, coordinates, rows):
        return (checked_surroundings(self, coordinates, rows),)

    def _fit(self, X, z, y, groups, report, surroundings=None):
        if self.name not in IMAGE_NETWORKS:
            raise SettingsError(f"There is no network {self.name!r} that reads windows. Choose one of {', '.join(IMAGE_NETWORKS)}.")
        super()._fit(X, z, y, groups, report, surroundings)


class SpectraNetwork(NetworkBase):
    """The one-dimensional convolutional network for spectra: the columns are the points of a spectrum, in their order.

    Preprocessing (SNV) belongs to the recipe; nothing is standardised across samples here, but the target.

    Parameters
    ----------
    name : {"spectra-cnn"}
    target_transform, random_state, device, jobs, network, smearing
        As in `NetworkLearner`.
    """

    def __init__(self, name="spectra-cnn", target_transform="none", random_state=0, device="auto", jobs=1, network=None, smearing=1.0):
        super().__init__(name, target_transform, random_state, device, jobs, network, smearing)

    def _fit(self, X, z, y, groups, report, surroundings=None):
        if self.name in IMAGE_NETWORKS:
            raise SettingsError(f"The network {self.name!r} reads windows of imagery, not spectra. Choose 'spectra-cnn'.")
        super()._fit(X, z, y, groups, report)


def network_learner(name, settings):
    """An unfitted network.

    Parameters
    ----------
    name : str
        As typed.
    settings : FitSettings

    Returns
    -------
    NetworkLearner or SpectraNetwork

    Raises
    ------
    SettingsError
        If features of neighbouring samples are asked for.
    NotAvailableError
        If PyTorch is not installed.
    """
    if settings.neighbours:
        raise SettingsError(
            f"The model {name!r} reads imagery or spectra and not columns of the table, so --neighbours {', '.join(settings.neighbours)} cannot be added to "
            "it. Leave --neighbours out, or run this model alone."
        )
    kind = NetworkLearner if name in IMAGE_NETWORKS else SpectraNetwork
    return kind(name, settings.transform, settings.seed, settings.device, settings.jobs, settings.network)


def checked_validation(validation, rows):
    """Positions of samples that somebody named for validation, ascending.

    Raises
    ------
    LearnerInputError
        If they are none of the rows, or leave fewer than two to train on.
    """
    positions = np.unique(np.asarray(validation, dtype=int))
    if positions.size and (positions[0] < 0 or positions[-1] >= rows):
        raise LearnerInputError(f"Rows for validation reach from {positions[0]} to {positions[-1]}, but there are {rows} samples, numbered from 0.")
    if rows - positions.size < 2:
        raise LearnerInputError(f"{positions.size} of {rows} samples are named for validation, which leaves none to train on. Name fewer.")
    return positions


def checked_surroundings(learner, surroundings, rows):
    """The surroundings of so many samples, or a sentence on what is missing.

    Raises
    ------
    LearnerInputError
        If they are absent, bare coordinates, of another number of samples, or other windows than those of training.
    """
    label = learner.label[0].upper() + learner.label[1:]
    if not hasattr(surroundings, "batch"):
        given = "nothing was given" if surroundings is None else "only coordinates were given"
        raise LearnerInputError(
            f"{label} reads windows of imagery around the samples, but {given}. Give a scene and samples with coordinates, or choose another model."
        )
    if len(surroundings) != rows:
        raise LearnerInputError(f"{rows} rows need the surroundings of {rows} places, but got {len(surroundings)}.")
    known = getattr(learner, "needs_", None) if hasattr(learner, "members_") else None
    if known is not None and surroundings.needs != known:
        raise LearnerInputError(f"{label} was trained on other windows than those given. Cut them with the needs that are stored with the model.")
    return surroundings
