"""Makes the folders of test/golden/qdq: networks that PyTorch quantized and exported.

Each is a small residual network with random, seeded weights. torch.ao's FakeQuantize stands before
every convolution and linear layer, and at the weights; observers have seen a few random pictures.
torch.onnx (operator set 13) writes QuantizeLinear and DequantizeLinear for them. out.y.npy is what
PyTorch computes.

    python3 test/golden/make-qdq.py          needs torch 1.13 and onnx
"""

import os
import warnings

import numpy as np
import torch
from torch import nn
from torch.ao.quantization import (
    FakeQuantize,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
)

warnings.filterwarnings("ignore")
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "qdq")


def activations(signed):
    dtype, low, high = (torch.qint8, -128, 127) if signed else (torch.quint8, 0, 255)
    return FakeQuantize(
        MovingAverageMinMaxObserver, quant_min=low, quant_max=high, dtype=dtype, reduce_range=False
    )


def weights(per_channel):
    if per_channel:
        return FakeQuantize(
            MovingAveragePerChannelMinMaxObserver,
            quant_min=-128,
            quant_max=127,
            dtype=torch.qint8,
            qscheme=torch.per_channel_symmetric,
            ch_axis=0,
        )
    return FakeQuantize(
        MovingAverageMinMaxObserver,
        quant_min=-128,
        quant_max=127,
        dtype=torch.qint8,
        qscheme=torch.per_tensor_symmetric,
    )


class Quantized(nn.Module):
    """A layer whose input and weights are quantized."""

    def __init__(self, layer, per_channel, signed):
        super().__init__()
        self.layer = layer
        self.input = activations(signed)
        self.weights = weights(per_channel)

    def forward(self, x):
        layer, w = self.layer, self.weights(self.layer.weight)
        x = self.input(x)
        if isinstance(layer, nn.Linear):
            return nn.functional.linear(x, w, layer.bias)
        return nn.functional.conv2d(
            x, w, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )


class Network(nn.Module):
    def __init__(self, per_channel, signed):
        super().__init__()
        wrap = lambda layer: Quantized(layer, per_channel, signed)
        self.stem = wrap(nn.Conv2d(3, 8, 3, padding=1))
        self.depthwise = wrap(nn.Conv2d(8, 8, 3, padding=1, groups=8))
        self.pointwise = wrap(nn.Conv2d(8, 8, 1, bias=False))
        self.norm = nn.BatchNorm2d(8)
        self.shortcut = activations(signed)
        self.down = wrap(nn.Conv2d(8, 12, 3, stride=2, padding=1))
        self.head = wrap(nn.Linear(12, 10))

    def forward(self, x):
        x = torch.relu(self.stem(x))
        y = self.norm(self.pointwise(torch.relu(self.depthwise(x))))
        x = torch.relu(self.shortcut(x) + self.shortcut(y))
        x = torch.relu(self.down(nn.functional.max_pool2d(x, 2)))
        return self.head(x.mean((2, 3)))


def as_scalars(module):
    """onnxruntime fuses the sum into QLinearAdd, and then refuses scales that are vectors of one."""
    if isinstance(module, FakeQuantize) and module.scale.numel() == 1:
        module.scale = module.scale.reshape(())
        module.zero_point = module.zero_point.reshape(())


def make(name, per_channel, signed, seed, scalars=True):
    torch.manual_seed(seed)
    network = Network(per_channel, signed)
    with torch.no_grad():
        network.norm.running_mean.uniform_(-0.3, 0.3)
        network.norm.running_var.uniform_(0.5, 2)
        network.norm.weight.uniform_(0.5, 2)
        network.eval()
        for _ in range(4):
            network(torch.randn(8, 3, 12, 12))
        network.apply(torch.ao.quantization.disable_observer)
        if scalars:
            network.apply(as_scalars)
        x = torch.randn(4, 3, 12, 12)
        y = network(x)
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    torch.onnx.export(
        network,
        x,
        os.path.join(folder, "model.onnx"),
        opset_version=13,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
    )
    np.save(os.path.join(folder, "in.x.npy"), x.numpy())
    np.save(os.path.join(folder, "out.y.npy"), y.numpy())


make("per-tensor", False, False, 1, scalars=False)
make("per-channel", True, False, 2)
make("per-channel-signed", True, True, 3)
