"""Networks: what they consist of, without training and without files. Imports torch, so import it inside functions."""

from inspect import signature

from soilcore.core.errors import ModelError
from soilcore.models.networks.blocks import Network, count_parameters
from soilcore.models.networks.soilnet import SMALL, SoilNet
from soilcore.models.networks.spectra_cnn import SpectraCNN, most_blocks
from soilcore.models.networks.sssoilnet import SSSoilNet
from soilcore.models.networks.sssoilnet_dense import SSSoilNetDense

KINDS = ("soilnet", "soilnet-small", "sssoilnet", "sssoilnet-dense", "spectra-cnn")
_CLASSES = {"soilnet": SoilNet, "soilnet-small": SoilNet, "sssoilnet": SSSoilNet, "sssoilnet-dense": SSSoilNetDense, "spectra-cnn": SpectraCNN}
_USUAL = {"soilnet-small": {"depth": SMALL, "size": 32}}

__all__ = ["KINDS", "Network", "SSSoilNet", "SSSoilNetDense", "SoilNet", "SpectraCNN", "build_network", "count_parameters", "most_blocks"]


def build_network(kind, settings=None):
    """A network with random weights.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    settings : dict, optional
        Arguments of the constructor as plain JSON values, such as the ``settings`` of another network; those not given are the usual ones.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If there is no such network, or it has no such setting.
    """
    if kind not in _CLASSES:
        raise ModelError(f"There is no network {kind!r}. Choose one of: {', '.join(KINDS)}.")
    settings = {**_USUAL.get(kind, {}), **(settings or {})}
    known = tuple(signature(_CLASSES[kind]).parameters)
    if unknown := [name for name in settings if name not in known]:
        raise ModelError(f"The network {kind!r} has no setting {unknown[0]!r}. It has: {', '.join(known)}.")
    return _CLASSES[kind](**settings)
