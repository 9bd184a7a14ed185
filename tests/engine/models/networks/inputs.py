"""Small networks of every kind with inputs that fit them, and a few steps of training."""

import torch

from soilcore.models.networks import build_network

SS = {"layers": 3, "bands": 5, "vegetation": 5, "bare": 6, "water": 2, "d": 16, "heads": 4, "dropout": 0.0}
DENSE = {name: value for name, value in SS.items() if name != "heads"} | {"size": 21}
THIN = {"depth": 14, "channels": 3, "climate": 2, "size": 32, "embedding": 128, "memory": 32, "hidden": 64, "width": 8}
SMALL = {"channels": 3, "climate": 2, "size": 16}

NETWORKS = {
    "soilnet": ("soilnet", THIN),
    "soilnet image": ("soilnet", THIN | {"climate": 0, "glam": False}),
    "soilnet-small": ("soilnet-small", SMALL),
    "soilnet-small flat": ("soilnet-small", SMALL | {"glam_attention": "flat"}),
    "soilnet-small image": ("soilnet-small", SMALL | {"climate": 0}),
    "sssoilnet": ("sssoilnet", SS),
    "sssoilnet hard": ("sssoilnet", SS | {"gate": "hard"}),
    "sssoilnet index": ("sssoilnet", SS | {"parts": "index"}),
    "sssoilnet spec_index": ("sssoilnet", SS | {"parts": "spec_index"}),
    "sssoilnet stack": ("sssoilnet", SS | {"parts": "stack"}),
    "sssoilnet-dense": ("sssoilnet-dense", DENSE),
    "spectra-cnn": ("spectra-cnn", {"length": 161, "base": 4, "blocks": 4, "dropout": 0.0}),
    "spectra-cnn mirzai": ("spectra-cnn", {"length": 161, "base": 4, "blocks": 4, "dropout": 0.0, "init": "mirzai"}),
}


def small(name, seed=0):
    """One of `NETWORKS`, the same weights for the same seed."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    kind, settings = NETWORKS[name]
    return build_network(kind, settings)


def inputs_of(network, n=8, seed=1):
    """Random inputs of the shapes that a network was built for."""
    generator = torch.Generator().manual_seed(seed)
    made, settings = {}, network.settings
    if network.kind.startswith("soilnet"):
        made["image"] = torch.rand(n, settings["channels"], settings["size"], settings["size"], generator=generator)
        made["climate"] = torch.rand(n, 7, settings["climate"] or 1, generator=generator)
    elif network.kind == "spectra-cnn":
        made["spectrum"] = torch.randn(n, settings["length"], generator=generator)
    else:
        count, side = settings["vegetation"] + settings["bare"] - settings["water"], settings.get("size", 17)
        made["spectrum"] = torch.rand(n, settings["bands"], generator=generator)
        made["indices"] = torch.randn(n, count, generator=generator)
        made["missing"] = (torch.rand(n, count, generator=generator) < 0.1).float()
        made["ndvi"] = torch.linspace(0.1, 0.6, n)
        made["window"] = torch.randn(n, settings["layers"], side, side, generator=generator)
    return {name: made[name] for name in network.inputs_needed}


def trained(network, inputs, target, steps=150, rate=1e-2, enough=0.0):
    """Loss in every step of a plain training, which ends early where the loss is small enough."""
    network.train()
    optimiser, losses = torch.optim.Adam(network.parameters(), rate), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (network(**inputs) - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        if losses[-1] < enough:
            break
    return losses
