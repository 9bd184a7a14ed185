"""Image encoders: the residual network with bottlenecks, and four plain blocks for machines without a GPU."""

from torch import nn

from soilcore.models.networks.blocks import channels_last
from soilcore.models.networks.glam import GLAM

DEPTHS = {14: (1, 1, 1, 1), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}  # bottlenecks per stage
_EXPANSION = 4
_SMALL_WIDTHS = (16, 32, 64, 128)
GLAM_KERNEL = 5


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolution round a shortcut; the stride sits in the 3x3 one."""

    def __init__(self, given, width, stride):
        super().__init__()
        out = _EXPANSION * width
        self.body = nn.Sequential(
            *_normed(given, width, 1), nn.ReLU(inplace=True), *_normed(width, width, 3, stride), nn.ReLU(inplace=True), *_normed(width, out, 1)
        )
        self.shortcut = nn.Sequential(*_normed(given, out, 1, stride)) if stride != 1 or given != out else nn.Identity()
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x):
        """Feature map (n, given, h, w) to (n, 4 width, h / stride, w / stride)."""
        return self.activation(self.body(x) + self.shortcut(x))


def _normed(given, out, kernel, stride=1):
    return nn.Conv2d(given, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)


class ResNet(nn.Module):
    """Residual network whose first convolution takes any number of channels and whose last layer gives `out` numbers.

    Parameters
    ----------
    channels : int
        Of the image.
    out : int
        Length of the embedding.
    depth : {101, 50, 14}
    glam : bool
        Whether attention follows the second stage, where an image of 64 x 64 has become 512 x 8 x 8; then the last activation leaks.
    form : {"row", "flat"}
        Of the attention's softmax.
    width : int
        Filters of the stem; the stages have 4, 8, 16 and 32 times as many channels.

    References
    ----------
    He et al. (2016), doi 10.1109/CVPR.2016.90; stride in the 3x3 convolution of a bottleneck. Weights start at random.
    """

    def __init__(self, channels=14, out=1024, depth=101, glam=True, form="row", width=64):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        given, stages = width, []
        for stage, blocks in enumerate(DEPTHS[depth]):
            inner = width * 2**stage
            strides = [1 if stage == 0 else 2] + [1] * (blocks - 1)
            stages.append(nn.Sequential(*(Bottleneck(given if first == 0 else _EXPANSION * inner, inner, s) for first, s in enumerate(strides))))
            given = _EXPANSION * inner
        self.stages = nn.ModuleList(stages)
        self.glam = GLAM(8 * width, max(width // 2, 1), GLAM_KERNEL, form) if glam else nn.Identity()
        self.last = nn.Linear(given, out)
        self.activation = nn.LeakyReLU() if glam else nn.ReLU()
        _start(self, glam)

    def middle(self, image):
        """Feature map after the second stage and before the attention, (n, 512, h / 8, w / 8)."""
        x = self.stem(channels_last(image))  # (n, 64, h / 4, w / 4)
        return self.stages[1](self.stages[0](x))

    def forward(self, image):
        """Image (n, channels, h, w) to embedding (n, out)."""
        x = self.glam(self.middle(image))
        x = self.stages[3](self.stages[2](x))  # (n, 2048, h / 32, w / 32)
        return self.activation(self.last(x.mean((2, 3))))


class SmallEncoder(nn.Module):
    """Four plain blocks (convolution 3x3, batch norm, ReLU, pooling by 2) of 16, 32, 64 and 128 channels.

    Parameters are those of `ResNet`; the attention follows the third block and works on 64 channels, 8 when reduced.
    """

    def __init__(self, channels=14, out=128, glam=True, form="row"):
        super().__init__()
        blocks, given = [], channels
        for width in _SMALL_WIDTHS:
            blocks.append(nn.Sequential(*_normed(given, width, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)))
            given = width
        self.blocks = nn.ModuleList(blocks)
        self.glam = GLAM(_SMALL_WIDTHS[2], 8, GLAM_KERNEL, form) if glam else nn.Identity()
        self.last = nn.Linear(given, out)
        self.activation = nn.LeakyReLU() if glam else nn.ReLU()
        _start(self, glam)

    def forward(self, image):
        """Image (n, channels, h, w) to embedding (n, out)."""
        x = channels_last(image)
        for block in self.blocks[:3]:
            x = block(x)
        x = self.blocks[3](self.glam(x))  # (n, 128, h / 16, w / 16)
        return self.activation(self.last(x.mean((2, 3))))


def _start(encoder, glam):
    """Kaiming normal weights for the convolutions that a ReLU follows; those of the attention keep torch's default."""
    attention = set(encoder.glam.modules()) if glam else set()
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d) and module not in attention:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
