"""Options of the commands that train networks."""

from soilcore.core.errors import SettingsError


def add_networks(parser):
    """How networks are trained."""
    group = parser.add_argument_group("networks")
    group.add_argument("--epochs", type=int, metavar="N", help="passes over the training samples at most (default: the network's own)")
    group.add_argument("--batch", type=int, metavar="N", help="samples per step; halved where memory does not suffice")
    group.add_argument("--resume", action="store_true", help="go on where the same command was interrupted")
    group.add_argument("--learning-rate", type=float, metavar="RATE")
    group.add_argument("--patience", type=int, metavar="N", help="epochs without a better validation loss after which training ends")
    group.add_argument("--members", type=int, default=1, metavar="N", help="networks from different seeds whose mean predicts (default 1)")
    group.add_argument("--precision", choices=("auto", "float32", "amp"), default="auto", help="auto: mixed precision on a GPU, else float32")
    group.add_argument("--deterministic", action="store_true", help="hold a GPU to algorithms that give the same numbers every time")
    group.add_argument("--patch", type=int, metavar="PX", help="side of the image window in cells")
    group.add_argument("--patch-cell", type=float, metavar="M", help="side of a cell of the image window in metres (default: the image's pixel)")
    group.add_argument("--gate", choices=("soft", "hard"), default="soft", help="how SS-SoilNet tells vegetated from bare places")
    group.add_argument("--pretrain", action="store_true", help="SoilNet first learns, without the target, which image and climate belong together")
    group.add_argument("--pretrain-places", type=int, default=1000, metavar="N", help="places without samples it sees for that (default about 1000)")


def network_settings(args):
    """How networks are trained; the defaults for a command without such options."""
    from soilcore.models.settings import NetworkSettings

    if not hasattr(args, "epochs"):
        return NetworkSettings()
    for name in ("epochs", "batch", "patience", "members", "patch", "pretrain_places"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise SettingsError(f"--{name.replace('_', '-')} must be a whole number of at least 1; got {value}.")
    for name in ("learning_rate", "patch_cell"):
        if (value := getattr(args, name)) is not None and not value > 0:
            raise SettingsError(f"--{name.replace('_', '-')} must be a number above 0; got {value:g}.")
    return NetworkSettings(
        epochs=args.epochs,
        batch=args.batch,
        members=args.members,
        patience=args.patience,
        learning_rate=args.learning_rate,
        precision=args.precision,
        deterministic=args.deterministic,
        patch=args.patch,
        cell=args.patch_cell,
        gate=args.gate,
        pretrain=args.pretrain,
        pretrain_places=args.pretrain_places,
    )
