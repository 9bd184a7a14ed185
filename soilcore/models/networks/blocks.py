"""What every network shares: its settings, checks of shapes, the number of its parameters."""

import torch
from torch import nn

from soilcore.core.errors import ModelError


class Network(nn.Module):
    """A network that predicts one number per sample.

    Parameters
    ----------
    **settings
        The arguments of the constructor, plain JSON values, kept in ``settings`` so that the network can be built again.

    Attributes
    ----------
    kind : str
        Name under which `build_network` makes it.
    settings : dict
    inputs_needed : tuple of str
        Names of the inputs of `forward`; others may be given and are ignored.
    """

    kind = ""
    inputs_needed = ()

    def __init__(self, **settings):
        super().__init__()
        self.settings = settings

    def features(self, **inputs):
        """Vector before the last layer, shape (n, k); the space in which the area of applicability is measured."""
        raise NotImplementedError

    def finish(self, features):
        """Prediction on the modelling scale, shape (n,), of what `features` gave."""
        return self.last(features).squeeze(-1)

    def forward(self, **inputs):
        """Prediction on the modelling scale, shape (n,)."""
        return self.finish(self.features(**inputs))


def count_parameters(network):
    """Number of trainable parameters; running statistics and other buffers are not counted."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def channels_last(image):
    """The image laid out pixel by pixel, in which convolutions on the CPU take about two thirds of the time; values stay the same."""
    return image.contiguous(memory_format=torch.channels_last)


def check_whole(name, value, least):
    """Refuse a setting that is no whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ModelError(f"A network with {name} = {value!r} is not possible. Give a whole number of at least {least}.")


def check_choice(name, value, choices):
    """Refuse a setting that is none of `choices`."""
    if value not in choices:
        raise ModelError(f"A network with {name} = {value!r} is not known. Choose one of: {', '.join(map(str, choices))}.")


def check_shape(name, values, *shape):
    """Refuse an input of another shape than (n, *shape); None stands for any length."""
    if values is None:
        raise ModelError(f"The network reads {name!r}, which was not given.")
    given = tuple(values.shape)
    if len(given) != len(shape) + 1 or any(want is not None and want != is_ for want, is_ in zip(shape, given[1:], strict=True)):
        wanted = ", ".join("any" if want is None else str(want) for want in ("n", *shape))
        raise ModelError(
            f"The network's input {name!r} has shape {given}; it was built for ({wanted}). Use the layers it was trained with, in their order."
        )
    return values
