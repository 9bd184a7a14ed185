"""Maps of networks: how dense and where they are computed, how long that takes, and what came of it."""

import json

import streamlit as st

from pages.ui import cached, messages, network_pace, theme
from pages.ui.session import current_work
from soilcore.core.errors import SoilcoreError

STRIDES = (1, 2, 4, 8)
_STRIDE_WORDS = {1: "every pixel", 2: "every 2nd", 4: "every 4th", 8: "every 8th"}
_STRIDE_HELP = (
    "A network that looks at a window round every pixel is slow. Computing only every so many pixels along each axis and interpolating between them is much "
    "quicker; the error of that is measured on pixels in between, and stated with the map. Near gaps every pixel is computed."
)
# pixels per second on two cores without a GPU; see benchmarks/README.md
_PIXELS_PER_SECOND = {
    **{"soilnet": 8, "soilnet-image": 8, "soilnet-image-glam": 8, "soilnet-small": 800, "sssoilnet": 110, "sssoilnet-stack": 120},
    **{"sssoilnet-dense": 25_000, "sssoilnet-index": 8000, "sssoilnet-spec-index": 6000},
}
_BESIDE_S = 5.0  # reading, styles, overviews
_LONG_S = 300.0  # beyond, a coarser stride is suggested
_MUCH = 0.3  # of the spread of the map: an interpolation error that hides what the map is for


def is_one(model):
    """Whether a model is a network that reads windows.

    Parameters
    ----------
    model : dict
        As `model.json` says.
    """
    return (model.get("learner") or {}).get("kind") == "network"


def form(identifier, model, key="map", scene=None, maps=1):
    """Ask for stride and device; other models have neither.

    Parameters
    ----------
    identifier : str
    model : dict
        As `model.json` says.
    key : str
        Of the page.
    scene : SceneSettings, optional
        Image that is mapped, if not the chosen one.
    maps : int
        How many are made of it.

    Returns
    -------
    dict
        Fields of `MapTask`.
    """
    if not is_one(model):
        return {}
    left, right, words = st.columns([6, 3, 4], gap="medium", vertical_alignment="bottom")
    pixels, rate, measured = maps * _pixels(scene), *_rate(identifier, model)
    suggested = next((stride for stride in STRIDES if _seconds(pixels, rate, stride) <= _LONG_S), STRIDES[-1])
    stride = left.segmented_control(
        "Compute",
        STRIDES,
        default=suggested,
        required=True,
        format_func=_STRIDE_WORDS.get,
        key=f"{key}.stride.{identifier}",
        help=_STRIDE_HELP,
        wrap=True,
    )
    device = right.selectbox(
        "On", ["auto", *network_pace.devices()], format_func=network_pace.DEVICES.get, key=f"{key}.device", persist_state="session"
    )
    stride = stride or suggested
    lasts = network_pace.lasts(_seconds(pixels, rate, stride))
    ground = "as measured on an earlier map here" if measured else "on two cores of an ordinary laptop"
    words.caption(
        f":material/schedule: {lasts[0].upper()}{lasts[1:]} for {pixels:,} pixels on {network_pace.device_words(device)}, at {rate:,.0f} computed pixels a second "
        f"({ground}). It goes on when you leave the page, and can be stopped."
    )
    return {"stride": int(stride), "device": device}


def _pixels(settings=None):
    """Pixels of an image, of the chosen one if none is named; 0 where it cannot be read."""
    try:
        scene = cached.scene() if settings is None else cached.images(settings)
    except SoilcoreError:
        return 0
    return 0 if scene is None else scene.grid.height * scene.grid.width


def _seconds(pixels, rate, stride):
    """Where there are gaps, pixels near them are computed all the same: a tenth of those spared."""
    computed = pixels / stride**2
    return (computed + 0.1 * (pixels - computed)) / rate + _BESIDE_S


def _rate(identifier, model):
    """Computed pixels per second, and whether an earlier map of this model, or else of the same kind of network, told."""
    work, kind = current_work(), model["name"]
    found = {}
    for name in work.maps[:20]:
        facts = _facts_of(name)
        if facts and facts["pixels_per_second"] and facts["valid"]:
            found.setdefault(facts["model"], facts["pixels_per_second"] * facts["computed"] / facts["valid"])
    like = [rate for of, rate in found.items() if of == identifier] or [rate for of, rate in found.items() if of.startswith(f"{kind}-")]
    return (like[0], True) if like else (_PIXELS_PER_SECOND.get(kind, 100), False)


def _facts_of(name):
    """What a map of a network says of its computation; None of other maps."""
    try:
        run = json.loads((current_work().project.path("maps", name) / "map.run.json").read_text(encoding="utf-8"))
        facts = run["result"]
        return {
            **{key: facts[key] for key in ("pixels_per_second", "computed", "valid")},
            "model": run["steps"][0]["settings"]["model_dir"].split("/")[-1],
        }
    except (OSError, ValueError, KeyError, IndexError):
        return None


def summary(made, unit):
    """How the network was computed: pixels per second, device, and the error of the pixels in between; nothing for other maps.

    Parameters
    ----------
    made : MadeMap
    unit : str or None
        Of the target.
    """
    facts = made.facts
    if facts.get("pixels_per_second") is None:
        return
    said = [f"computed on {str(facts['device']).upper()}", f"{facts['pixels_per_second']:,.0f} pixels a second"]
    if facts.get("dense"):
        said.append("convolutions shared between neighbouring pixels")
    st.caption(
        ":material/hub: Network: " + messages.plain(" · ".join([*said, *filter(None, [facts.get("device_note")]), *(facts.get("notes") or ())]))
    )
    if (facts.get("stride") or 1) > 1:
        _stride(facts, unit)


def _stride(facts, unit):
    error, stride = facts.get("stride_error") or {}, facts["stride"]
    share = theme.percent(facts["computed"] / facts["valid"]) if facts.get("valid") else "–"
    if not error.get("n"):
        st.caption(f":material/grid_on: Every {stride}th pixel was asked for, but everything lay near gaps: {share} of the pixels were computed.")
        return
    unit = f" {unit}" if unit else ""
    words = (
        f"{share} of the pixels were computed, the others interpolated (stride {stride}). At {error['n']:,} pixels where both are known, interpolation is off by "
        f"{theme.number(error['rmse'], 2)}{unit} (RMSE), by more than {theme.number(error['p95'], 2)}{unit} at one in twenty, by {theme.number(error['max'], 2)}{unit} at most."
    )
    spread = error.get("share")
    if spread is not None:
        words += f" That is {theme.percent(spread)} of the spread of the map."
    if spread is not None and spread > _MUCH:
        st.warning(
            messages.plain(f"{words} Details between the computed pixels are lost: use a smaller stride for decisions on single fields."),
            icon=messages.ICONS["warning"],
        )
    else:
        st.caption(f":material/grid_on: {messages.plain(words)}")
