#!/usr/bin/env python3
"""
Numbers of residual networks and blocks, computed by PyTorch in double precision: networks.safetensors beside this file.

  python3 test/golden/make-networks.py

Written from the papers' and torchvision's definitions, not from this project's: He et al. 2016 (blocks, option A shortcut, stems), Rastegari
et al. 2016 (alpha sign(W), K, the order of a unit), Bannink et al. 2021 (QuickNet). Only results are stored: every parameter and input is a formula of its
PyTorch name and of its index (`numbers`), which test/zoo/formula.ts repeats. Variances are small, so that an epsilon matters. Near zero a
sign would hang on rounding: `sign` refuses to be that near.
"""
import json
import os
import struct

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def numbers(name, shape):
    """Float32 numbers in [-1, 1): a hash of each index, begun by a hash of the name."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    h = (i * np.uint64(2654435761) + np.uint64(seed)) % np.uint64(2**32)
    h ^= h >> np.uint64(15)
    h = h * np.uint64(2246822519) % np.uint64(2**32)
    h ^= h >> np.uint64(13)
    h = h * np.uint64(3266489917) % np.uint64(2**32)
    h ^= h >> np.uint64(16)
    return (h.astype(np.float64) / 2**31 - 1).astype(np.float32).reshape(shape)


def parameter(name, shape):
    """A parameter's numbers, scaled to keep activations near 1."""
    n = numbers(name, shape).astype(np.float64)
    if name.endswith('running_var'):
        n = 0.002 + 0.001 * n
    elif name.endswith('running_mean'):
        n = 0.25 * n
    elif name.endswith('bias'):
        n = 0.5 * n
    elif len(shape) == 1:
        n = 0.03 * n
    else:
        n = n * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(n.astype(np.float32).astype(np.float64))


def fill(module, prefix=''):
    state = {k: v if k.endswith('num_batches_tracked') else parameter(prefix + k, tuple(v.shape)) for k, v in module.state_dict().items()}
    module.load_state_dict(state)
    return module.eval()


def sign(x):
    assert x.abs().min() > 1e-5 * x.abs().max(), 'a sign hangs on rounding: choose another input'
    return torch.sign(x)


class ScaledSignConv(nn.Conv2d):
    """alpha_o sign(W): alpha is the mean of |W| of a filter. Applied to x as it is (BWN), or to its sign."""

    def forward(self, x):
        alpha = self.weight.abs().mean(dim=(1, 2, 3), keepdim=True)
        return F.conv2d(x, alpha * torch.sign(self.weight), None, self.stride, self.padding)


class BasicBlock(nn.Module):
    """torchvision's; with option A's shortcut where `padded`."""

    def __init__(self, conv, cin, cout, stride, padded):
        super().__init__()
        self.conv1 = conv(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = conv(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.stride, self.missing = stride, cout - cin if padded else 0
        if not padded and (stride != 1 or cin != cout):
            self.downsample = nn.Sequential(conv(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, 'downsample'):
            x = self.downsample(x)
        elif self.stride != 1 or self.missing:
            half = self.missing // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.missing - half))
        return F.relu(y + x)


class ResNet(nn.Module):
    def __init__(self, conv, widths, depths, imagenet, classes):
        super().__init__()
        w = widths[0]
        self.conv1 = nn.Conv2d(3, w, 7, 2, 3, bias=False) if imagenet else nn.Conv2d(3, w, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.pool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        padded = len(widths) == 3
        for i, (width, depth) in enumerate(zip(widths, depths)):
            blocks = [BasicBlock(conv, widths[max(i - 1, 0)] if k == 0 else width, width, 2 if i and not k else 1, padded) for k in range(depth)]
            setattr(self, f'layer{i + 1}', nn.Sequential(*blocks))
        self.stages = len(widths)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        for i in range(self.stages):
            x = getattr(self, f'layer{i + 1}')(x)
        return self.fc(x.mean((2, 3)))


class XnorConv(ScaledSignConv):
    """(sign(x) * alpha sign(W)) K: K is the mean of |x| over channels and window, zeros of the border counted."""

    def __init__(self, *args, scaled, **kwargs):
        super().__init__(*args, **kwargs)
        self.scaled = scaled

    def forward(self, x):
        y = super().forward(sign(x))
        if not self.scaled:
            return y
        kh, kw = self.kernel_size
        window = torch.full((1, 1, kh, kw), 1 / (kh * kw))
        return y * F.conv2d(x.abs().mean(1, keepdim=True), window, None, self.stride, self.padding)


class XnorBlock(nn.Module):
    """Two units around which x goes; where the shape changes, a 1x1 unit that shares the first batch norm."""

    def __init__(self, cin, cout, stride, scaled):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin, eps=1e-4)
        self.conv1 = XnorConv(cin, cout, 3, stride, 1, bias=False, scaled=scaled)
        self.bn2 = nn.BatchNorm2d(cout, eps=1e-4)
        self.conv2 = XnorConv(cout, cout, 3, 1, 1, bias=False, scaled=scaled)
        if stride != 1 or cin != cout:
            self.shortcut = XnorConv(cin, cout, 1, stride, bias=False, scaled=scaled)

    def forward(self, x):
        n = self.bn1(x)
        return (self.shortcut(n) if hasattr(self, 'shortcut') else x) + self.conv2(self.bn2(self.conv1(n)))


class QuickBlock(nn.Module):
    """sign, 3x3 of signs padded with +1, ReLU, batch norm, + x."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x):
        return x + self.bn(F.relu(F.conv2d(F.pad(sign(x), (1, 1, 1, 1), value=1.0), torch.sign(self.conv.weight))))


class QuickTransition(nn.Module):
    """ReLU, 3x3 max pooling of stride 1, depthwise 3x3 of stride 2, 1x1, batch norm."""

    def __init__(self, cin, cout):
        super().__init__()
        self.blur = nn.Conv2d(cin, cin, 3, 2, 1, groups=cin, bias=False)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return self.bn(self.conv(self.blur(F.max_pool2d(F.relu(x), 3, 1, 1))))


class QuickStem(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False), nn.BatchNorm2d(8)
        self.conv3, self.bn3 = nn.Conv2d(8, 64, 1, bias=False), nn.BatchNorm2d(64)

    def forward(self, x):
        return self.bn3(self.conv3(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))))


def cases():
    for kind, conv in (('resnet', nn.Conv2d), ('bwn', ScaledSignConv)):
        yield f'{kind}-18', ResNet(conv, [64, 128, 256, 512], [2, 2, 2, 2], True, 7), (2, 3, 32, 32)
        yield f'{kind}-20', ResNet(conv, [16, 32, 64], [3, 3, 3], False, 7), (2, 3, 12, 12)
        yield f'{kind}-block', BasicBlock(conv, 8, 8, 1, False), (2, 8, 5, 6)
        yield f'{kind}-block-projected', BasicBlock(conv, 8, 12, 2, False), (2, 8, 6, 5)
        yield f'{kind}-block-padded', BasicBlock(conv, 8, 13, 2, True), (2, 8, 6, 5)
    for scaled in (True, False):
        for shape, block in (('', (8, 8, 1)), ('-strided', (8, 12, 2)), ('-wider', (8, 12, 1))):
            yield f'xnor-block{shape}{"" if scaled else "-unscaled"}', XnorBlock(*block, scaled), (2, 8, 6, 6)
    yield 'quick-block', QuickBlock(12), (2, 12, 5, 6)
    yield 'quick-transition', QuickTransition(8, 12), (2, 8, 6, 7)
    yield 'quick-stem', QuickStem(), (1, 3, 16, 16)


def main():
    header, body = {}, b''
    for name, module, shape in cases():
        x = torch.from_numpy(numbers(f'{name} x', shape).astype(np.float64))
        with torch.no_grad():
            y = fill(module, f'{name} ')(x).numpy().astype('<f4')
        print(name, y.shape, 'mean |y|', np.abs(y).mean(), 'zeros', (y == 0).mean())
        header[name] = {'dtype': 'F32', 'shape': list(y.shape), 'data_offsets': [len(body), len(body) + y.nbytes]}
        body += y.tobytes()
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'networks.safetensors'), 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + body)


main()
