"""Count parameters and multiply-adds of named networks: python docs/course/measure.py writes networks.json.

Large networks take their time, and their numbers never change: the pages read the file. Multiply-adds are those of
convolutions and dense layers, as papers count them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import tatamikomi as tk

NETWORKS = Path(__file__).resolve().parent / "networks.json"
# name: (year, shape of an input)
NAMED = {
    "lenet5": (1998, (1, 28, 28)),
    "alexnet": (2012, (3, 224, 224)),
    "alexnet_2012": (2012, (3, 224, 224)),
    "nin": (2013, (3, 32, 32)),
    "vgg16": (2014, (3, 224, 224)),
    "googlenet": (2014, (3, 224, 224)),
    "resnet18": (2015, (3, 224, 224)),
    "resnet50": (2015, (3, 224, 224)),
    "resnet152": (2015, (3, 224, 224)),
    "mobilenet_v1": (2017, (3, 224, 224)),
    "mobilenet_v2": (2018, (3, 224, 224)),
    "shufflenet_v2": (2018, (3, 224, 224)),
    "mobilenet_v3_large": (2019, (3, 224, 224)),
    "efficientnet_b0": (2019, (3, 224, 224)),
    "efficientnet_b4": (2019, (3, 380, 380)),
    "efficientnet_v2_s": (2021, (3, 384, 384)),
}


def counted(name: str) -> dict[str, object]:
    """Parameters and multiply-adds of one network."""
    year, shape = NAMED[name]
    model = tk.models.create(name, seed=0)
    layers = tk.summary(model, (1, *shape)).layers
    parameters = sum(int(np.prod(one.shape)) for one in model.parameters())
    macs = sum(one.macs for one in layers if one.kind.startswith(("Conv", "Linear")))
    return {"year": year, "input": list(shape), "parameters": parameters, "macs": macs}


if __name__ == "__main__":
    rows = []
    for name in NAMED:
        rows.append(f'  "{name}": {json.dumps(counted(name))}')
        print(rows[-1], flush=True)
    NETWORKS.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
