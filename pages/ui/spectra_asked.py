"""What is asked for every task on spectra: preprocessing, how the library is divided, the scale of the target, how networks are trained."""

from dataclasses import dataclass

import streamlit as st

from pages.ui import modelling, spectra_steps
from pages.ui.network_pace import DEVICES, PRECISIONS
from pages.ui.session import current_work
from soilcore.evaluation.splits import SplitSettings
from soilcore.models.settings import FitSettings, NetworkSettings

LEARNERS = ("plsr", "spectra-cnn", "svr", "ridge", "rf", "xgboost", "mlp", "stacking", "auto", "mean")
SCHEMES = {
    "split": "Official split: trained once on one part, tested once on the other",
    "group": "Whole groups left out: a profile, a field, a soil order the model never saw",
    "holdout": "Training, validation, test 80/10/10, drawn several times",
    "sequential": "Two cuts of a tenth (81/9/10) as in Albinet et al. (2022), drawn several times",
    "block": "Spatial blocks: whole squares left out",
    "random": "Random folds: how good between the spectra of this library",
}
_MANY_GROUPS = 10  # from which whole groups are suggested: fewer make a handful of very different tests
_OWN = "its own"
_TRANSFORM_HELP = (
    "Laboratory values are often skewed: a logarithm keeps a few large ones from ruling the fit. Scores are always on the original scale."
)
_DIVISIONS_HELP = "How often training and test are drawn anew; the spread between them says how far to trust a difference between models"
_WHOLE_HELP = "Samples of one group never stand in training and test at once"
_CNN_HELP = "How the network for spectra is trained; other learners do not look at this. What is empty is as in Albinet et al. (2022)."


@dataclass(frozen=True)
class AskedSpectra:
    """What holds for comparing and training.

    Parameters
    ----------
    preprocess : tuple of str
    splits : SplitSettings
    seeds : int
        Divisions of "holdout", "sequential" and of learning curves.
    fit : FitSettings
    permutations : int or None
    """

    preprocess: tuple[str, ...]
    splits: SplitSettings
    seeds: int
    fit: FitSettings
    permutations: int | None


def form(spectra, expanded):
    """Ask; the form is open at first where `expanded`.

    Parameters
    ----------
    spectra : SpectraSet
        With a target.
    expanded : bool

    Returns
    -------
    AskedSpectra
    """
    with st.expander("Division, preprocessing and training", icon=":material/tune:", expanded=expanded, key=f"spectra.settings.{expanded}"):
        left, right = st.columns(2, gap="large")
        with right:
            splits, seeds = _division(spectra)
        with left:
            preprocess = _preprocess()
            fit, permutations = _fit()
    return AskedSpectra(preprocess, splits, seeds, fit, permutations)


def _division(spectra):
    flags, columns = _flags(spectra), _grouping(spectra)
    possible = {"split": bool(flags), "group": bool(columns), "block": spectra.x is not None}
    options = [name for name in SCHEMES if possible.get(name, True)]
    suggested = suggestion(spectra, flags)
    words = {name: f"{text} · **suggested**" if name == suggested else text for name, text in SCHEMES.items()}
    key = f"spectra.scheme.{'+'.join(options)}.{current_work().spectra_file}"
    kind = st.radio("How the library is divided", options, options.index(suggested), format_func=words.get, key=key, persist_state="session")
    places, scheme, folds, seeds = st.columns(2), kind, 5, 5
    if kind in ("split", "group"):
        choices = flags if kind == "split" else columns
        index = choices.index(spectra.group_column) if kind == "group" and spectra.group_column in choices else 0
        column = places[0].selectbox("Column", choices, index, key=f"spectra.column.{kind}.{current_work().spectra_file}", persist_state="session")
        scheme = f"{kind}:{column}"
    if kind in ("holdout", "sequential") and columns:
        whole = places[0].selectbox(
            "Keep together", [None, *columns], format_func=lambda name: name or "nothing", key="spectra.whole", help=_WHOLE_HELP
        )
        scheme = kind if whole is None else f"{kind}:{whole}"
    if kind in ("group", "block", "random"):
        folds = int(places[1].number_input("Number of folds", 2, 50, 5, key="spectra.folds", persist_state="session"))
    if kind in ("holdout", "sequential"):
        seeds = int(places[1].number_input("Divisions", 1, 60, 5, key="spectra.seeds", persist_state="session", help=_DIVISIONS_HELP))
    st.caption(_meaning(kind))
    return SplitSettings(scheme, folds), seeds


def suggestion(spectra, flags):
    """The division to begin with: the authors' own where there is one, whole groups where there are many, else several draws."""
    if flags:
        return "split"
    groups = 0 if spectra.groups is None else len({label for label in spectra.groups.tolist() if label})
    return "group" if groups >= _MANY_GROUPS and spectra.group_column in _grouping(spectra) else "holdout"


def _meaning(kind):
    return {
        "split": "The scores speak of the test part that its authors set aside, used once.",
        "group": "The scores speak of groups that the library does not hold: the honest ones for new sites.",
        "block": "The scores speak of places away from those of the library.",
    }.get(kind, "The scores speak of spectra drawn like those of this library. For new sites, leave whole groups out.")


def _flags(spectra):
    """Columns that tell an official split."""
    from soilcore.evaluation.holdout import is_training_flag

    return [str(name) for name in spectra.table.columns if spectra.table[name].nunique() <= 3 and is_training_flag(spectra.table[name])]


def _grouping(spectra):
    """Columns that divide the library: at least two values, and on average two spectra of each."""
    counts = spectra.table.nunique()
    names = [str(name) for name in spectra.table.columns if 2 <= counts[name] <= len(spectra) / 2 and name != spectra.target.column]
    return [name for name in names if name not in _flags(spectra)]


def _preprocess():
    kept = spectra_steps.kept()
    if kept is None:
        st.markdown(
            f"**Preprocessing**: each model's usual steps, `{spectra_steps.USUAL}`; the network SNV alone. Others are chosen under “Preprocess”."
        )
        return ()
    st.markdown(f"**Preprocessing** of all models: `{kept or 'none'}`, chosen under “Preprocess”.")
    return (kept or "none",)


def _fit():
    transform = modelling.transform("none", "spectra.transform", _TRANSFORM_HELP)
    permutations = modelling.permutations("spectra.permutations")
    network, device = _network()
    return FitSettings(transform=transform, trials=0, network=network, device=device), permutations


def _network():
    with st.popover("Network for spectra", icon=":material/hub:", help=_CNN_HELP):
        left, right = st.columns(2)
        epochs = left.number_input("Epochs, at most", 1, 2000, None, placeholder=_OWN, key="spectra.net.epochs")
        patience = left.number_input("Cycles without progress", 1, 500, None, placeholder=_OWN, key="spectra.net.patience")
        batch = left.number_input("Spectra per step", 1, 4096, None, placeholder=_OWN, key="spectra.net.batch")
        rate = left.number_input("Learning rate", 1e-7, 1.0, None, format="%g", placeholder=_OWN, key="spectra.net.rate")
        members = right.number_input(
            "Members", 1, 20, 1, key="spectra.net.members", help="Networks from different random starts; their mean predicts"
        )
        device = right.selectbox("Train on", list(DEVICES), format_func=DEVICES.get, key="spectra.net.device", help=_what_there_is())
        precision = right.selectbox("Numbers", list(PRECISIONS), format_func=PRECISIONS.get, key="spectra.net.precision")
        init = right.selectbox("First weights", ("kaiming", "mirzai"), key="spectra.net.init", help="mirzai: as in the authors' package")
    settings = NetworkSettings(
        epochs=epochs, batch=batch, members=int(members), patience=patience, learning_rate=rate, precision=precision, init=init
    )
    return settings, device


def _what_there_is():
    from soilcore.models.device import cuda_devices

    count = cuda_devices()
    return f"{count} CUDA device{'s' if count != 1 else ''} here." if count else "No CUDA device was found here: networks train on the CPU."
