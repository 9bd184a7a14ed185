"""Every network by the name a user types: which modules it consists of, what it reads, and how its paper trains it."""

from dataclasses import dataclass, field

from soilcore.core.errors import SettingsError

LOSSES = ("mse", "rmse", "rmsle", "huber")
_MINMAX = "minmax"


@dataclass(frozen=True)
class Profile:
    """One network.

    Parameters
    ----------
    kind : str
        Of the modules in `soilcore.models.networks`.
    family : {"soilnet", "sssoilnet", "spectra"}
        What it reads.
    label : str
        For messages.
    options : dict
        Arguments of its constructor that make it this variant.
    training : dict
        Fields of `TrainingSettings` that differ from those of a paper that says nothing.
    scale : {"log1p", "linear"}
        Scale it works on where no target transform is asked for.
    needs_climate : bool
        Whether it cannot do without months of climate.
    """

    kind: str
    family: str
    label: str
    options: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    scale: str = "log1p"
    needs_climate: bool = False


_STEPS = {"schedule": "step", "step_epochs": 10, "step_factor": 0.2}
_SOILNET = {"loss": "rmse", "optimizer": "adam", "learning_rate": 1e-4, "batch": 32, "patience": None, **_STEPS}
_SMALL = {"loss": "rmse", "optimizer": "adamw", "weight_decay": 1e-4, "learning_rate": 1e-3, "batch": 32, "schedule": "cosine"}
_SS_SOILNET = {"loss": "huber", "optimizer": "adamw", "weight_decay": 1e-4, "learning_rate": 1e-3, "batch": 32, "schedule": "cosine", "epochs": 200}
_SPECTRA = {"loss": "mse", "optimizer": "adam", "schedule": "cyclic", "lowest_rate": 3e-5, "learning_rate": 1e-3, "half_cycle": 5, "batch": 32}

PROFILES = {
    "soilnet": Profile("soilnet", "soilnet", "SoilNet", {"depth": 101, "glam": True}, {**_SOILNET, "epochs": 30}, needs_climate=True),
    "soilnet-image": Profile("soilnet", "soilnet", "SoilNet on images", {"depth": 101, "glam": False, "climate": 0}, {**_SOILNET, "epochs": 50}),
    "soilnet-image-glam": Profile(
        "soilnet", "soilnet", "SoilNet on images with attention", {"depth": 101, "glam": True, "climate": 0}, {**_SOILNET, "epochs": 50}
    ),
    "soilnet-small": Profile("soilnet-small", "soilnet", "the small SoilNet", {}, {**_SMALL, "epochs": 40, "patience": 15}),
    "sssoilnet": Profile("sssoilnet", "sssoilnet", "SS-SoilNet", {"parts": "full"}, {**_SS_SOILNET, "patience": 20}),
    "sssoilnet-index": Profile("sssoilnet", "sssoilnet", "SS-SoilNet on indices", {"parts": "index"}, {**_SS_SOILNET, "patience": 20}),
    "sssoilnet-spec-index": Profile(
        "sssoilnet", "sssoilnet", "SS-SoilNet on spectra and indices", {"parts": "spec_index"}, {**_SS_SOILNET, "patience": 20}
    ),
    "sssoilnet-stack": Profile("sssoilnet", "sssoilnet", "SS-SoilNet, stacked", {"parts": "stack"}, {**_SS_SOILNET, "patience": 20}),
    "sssoilnet-dense": Profile("sssoilnet-dense", "sssoilnet", "SS-SoilNet for maps", {}, {**_SS_SOILNET, "patience": 20}),
    "spectra-cnn": Profile(
        "spectra-cnn",
        "spectra",
        "the network for spectra",
        {},
        {**_SPECTRA, "epochs": 201, "patience": 3, "monitor": "cycle_end", "min_delta": 1e-4},
        "linear",
    ),
}
IMAGE_NETWORKS = tuple(name for name, profile in PROFILES.items() if profile.family != "spectra")


def network_profile(name):
    """The profile of a network.

    Raises
    ------
    SettingsError
        If there is no such network.
    """
    if name not in PROFILES:
        raise SettingsError(f"There is no network {name!r}. Choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]


def training_settings(profile, settings, *, seed, device, threads):
    """How one network is trained: its paper's way, and what the user said.

    Parameters
    ----------
    profile : Profile
    settings : NetworkSettings
    seed : int
    device : str
    threads : int

    Returns
    -------
    TrainingSettings
    """
    from soilcore.models.training_settings import TrainingSettings

    said = {name: getattr(settings, name) for name in ("epochs", "batch", "patience", "learning_rate", "loss") if getattr(settings, name) is not None}
    values = {**profile.training, **said}
    if "learning_rate" in said:
        values.pop("lowest_rate", None)  # that of the paper belongs to the paper's rate
    return TrainingSettings(**values, seed=seed, device=device, precision=settings.precision, deterministic=settings.deterministic, threads=threads)


def own_scale(profile, settings, transform, z):
    """Scale a network takes for itself: ``(name, highest)``, highest None where nothing is clipped.

    Parameters
    ----------
    profile : Profile
    settings : NetworkSettings
        ``target``.
    transform : str
        Target transform that was asked for; any but "none" leaves nothing to choose.
    z : ndarray of float
        Training targets.

    Returns
    -------
    name : {"linear", "log1p", "minmax"}
    highest : float or None

    Raises
    ------
    SettingsError
        If the target's scale is unknown, or does not go with the transform, the target or the network.
    """
    wanted, _, most = settings.target.partition(":")
    if wanted not in ("auto", "log1p", _MINMAX) or (most and wanted != _MINMAX):
        raise SettingsError(f"A network knows no target scale {settings.target!r}. Choose auto, log1p, minmax or minmax:HIGHEST.")
    if wanted != "auto" and transform != "none":
        raise SettingsError(
            f"The target scale {settings.target!r} of the network and the transform {transform!r} exclude each other. Leave one of them out."
        )
    if wanted == _MINMAX:
        return _MINMAX, _highest(most, z)
    if wanted == "log1p" and z.min() < 0:
        raise SettingsError(f"log1p needs targets of at least 0, but the smallest is {z.min():g}. Leave the network's target scale at auto.")
    takes_logarithm = transform == "none" and z.min() >= 0 and (wanted == "log1p" or profile.scale == "log1p")
    return ("log1p" if takes_logarithm else "linear"), None


def _highest(text, z):
    if not text:
        return None
    try:
        highest = float(text)
    except ValueError:
        highest = float("nan")
    if not highest > max(float(z.min()), 0.0):
        raise SettingsError(f"The target scale minmax:{text} needs a number above the smallest target ({z.min():g}), such as minmax:87.")
    return highest


def network_options(learner, positive):
    """Arguments of the constructor of a learner's network.

    Parameters
    ----------
    learner : NetworkBase
        With ``inputs_`` and ``needs_``.
    positive : bool
        Whether it is trained on log1p as it is, which is never negative.

    Returns
    -------
    dict
        JSON values.
    """
    profile, settings = learner.profile, learner.settings
    options = {**learner.inputs_.options, **profile.options}
    if profile.family == "spectra":
        return options | {"init": settings.init}
    sizes = {need.name: need.size for need in learner.needs_.patches}
    if profile.family == "soilnet":
        return options | {"size": sizes["image"], "glam_attention": settings.attention}
    options |= {"gate": settings.gate, "output": "softplus" if positive else "linear"}
    return options | ({"size": sizes["window"]} if profile.kind == "sssoilnet-dense" else {})
