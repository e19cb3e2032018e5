"""Numbers of two training steps by PyTorch: python3 make-training-steps.py

Writes training-steps.safetensors: for ResNet-20 (SGD with Nesterov momentum and decay) and Bi-Real
ResNet-20 (Adam), both of width 2 on pictures of 8 x 8, the parameters before, the loss and every
gradient of each step, and parameters and running statistics after each. Names and layouts are
bitplane's: pictures NHWC, convolution weights O, kh, kw, I.
"""

import os

import numpy as np
import torch
from torch.nn import functional as F

from write_safetensors import write

WIDTH, SIZE, BATCH = 2, 8, 6
RATES = {"resnet": 0.2, "bireal": 2.5e-3}


class ApproxSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x < 0, -1.0, 1.0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.clamp(2 - 2 * x.abs(), min=0)


class BinaryWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        ctx.save_for_backward(w)
        alpha = w.abs().mean(dim=(1, 2, 3), keepdim=True)
        return alpha * torch.where(w < 0, -1.0, 1.0)

    @staticmethod
    def backward(ctx, g):
        (w,) = ctx.saved_tensors
        return g * (w.abs() <= 1)


class Net:
    """Parameters by bitplane's names, and the running statistics beside them."""

    def __init__(self, kind):
        self.kind, self.p, self.s = kind, {}, {}
        self.widths = [WIDTH, 2 * WIDTH, 4 * WIDTH]
        self.conv("conv1", 3, WIDTH, 3)
        self.bn("bn1", WIDTH)
        blocks = 3 if kind == "resnet" else 6
        before = WIDTH
        for stage, width in enumerate(self.widths):
            for block in range(blocks):
                path = f"layer{stage + 1}/{block}"
                if kind == "resnet":
                    self.conv(f"{path}/conv1", before, width, 3)
                    self.bn(f"{path}/bn1", width)
                    self.conv(f"{path}/conv2", width, width, 3)
                    self.bn(f"{path}/bn2", width)
                else:
                    self.conv(f"{path}/conv", before, width, 3)
                    self.bn(f"{path}/bn", width)
                    if before != width:
                        self.conv(f"{path}/shortcut/conv", before, width, 1)
                        self.bn(f"{path}/shortcut/bn", width)
                before = width
        bound = 1 / np.sqrt(before)
        self.p["fc/weight"] = torch.empty(10, before).uniform_(-bound, bound)
        self.p["fc/bias"] = torch.empty(10).uniform_(-bound, bound)
        for value in self.p.values():
            value.requires_grad_(True)

    def conv(self, path, inputs, outputs, k):
        self.p[f"{path}/weight"] = torch.randn(outputs, inputs, k, k) * np.sqrt(2 / (inputs * k * k))

    def bn(self, path, channels):
        self.p[f"{path}/gamma"] = torch.rand(channels) + 0.5
        self.p[f"{path}/beta"] = torch.randn(channels) * 0.1
        self.s[f"{path}/mean"] = torch.zeros(channels)
        self.s[f"{path}/variance"] = torch.ones(channels)

    def norm(self, path, x):
        p, s = self.p, self.s
        return F.batch_norm(
            x,
            s[f"{path}/mean"],
            s[f"{path}/variance"],
            p[f"{path}/gamma"],
            p[f"{path}/beta"],
            training=True,
        )

    def forward(self, x):
        p = self.p
        x = self.norm("bn1", F.conv2d(x, p["conv1/weight"], padding=1))
        if self.kind == "resnet":
            x = F.relu(x)
        for stage in range(3):
            for block in range(3 if self.kind == "resnet" else 6):
                path = f"layer{stage + 1}/{block}"
                stride = 2 if stage > 0 and block == 0 else 1
                x = getattr(self, self.kind)(path, x, stride)
        return F.linear(x.mean(dim=(2, 3)), p["fc/weight"], p["fc/bias"])

    def resnet(self, path, x, stride):
        p = self.p
        y = F.conv2d(x, p[f"{path}/conv1/weight"], stride=stride, padding=1)
        y = F.relu(self.norm(f"{path}/bn1", y))
        y = self.norm(f"{path}/bn2", F.conv2d(y, p[f"{path}/conv2/weight"], padding=1))
        if stride == 2:
            missing = y.shape[1] - x.shape[1]
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, missing // 2, missing - missing // 2))
        return F.relu(x + y)

    def bireal(self, path, x, stride):
        p = self.p
        w = BinaryWeight.apply(p[f"{path}/conv/weight"])
        y = F.conv2d(ApproxSign.apply(x), w, stride=stride, padding=1)
        y = self.norm(f"{path}/bn", y)
        if stride == 2:
            x = F.conv2d(F.avg_pool2d(x, 2, 2), p[f"{path}/shortcut/conv/weight"])
            x = self.norm(f"{path}/shortcut/bn", x)
        return x + y


def optimizer(kind, p):
    if kind == "bireal":
        return torch.optim.Adam(p.values(), lr=RATES[kind])
    decayed = [v for k, v in p.items() if k.endswith("weight")]
    others = [v for k, v in p.items() if not k.endswith("weight")]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0}]
    return torch.optim.SGD(groups, lr=RATES[kind], momentum=0.9, nesterov=True)


def ours(value):
    value = value.detach()
    return (value.permute(0, 2, 3, 1) if value.dim() == 4 else value).contiguous().numpy().copy()


def main():
    torch.manual_seed(11)
    torch.set_num_threads(1)
    arrays = {}
    images = torch.randn(2, BATCH, 3, SIZE, SIZE)
    labels = torch.randint(0, 10, (2, BATCH))
    arrays["images"] = images.permute(0, 1, 3, 4, 2).contiguous().numpy()
    arrays["labels"] = labels.float().numpy()
    for kind in ("resnet", "bireal"):
        net = Net(kind)
        steps = optimizer(kind, net.p)
        for name, value in {**net.p, **net.s}.items():
            arrays[f"{kind}.before.{name}"] = ours(value)
        for step in range(2):
            steps.zero_grad()
            logits = net.forward(images[step])
            loss = F.cross_entropy(logits, labels[step])
            loss.backward()
            arrays[f"{kind}.{step}.loss"] = np.array([loss.item()], dtype=np.float32)
            for name, value in net.p.items():
                arrays[f"{kind}.{step}.gradient.{name}"] = ours(value.grad)
            steps.step()
            for name, value in {**net.p, **net.s}.items():
                arrays[f"{kind}.{step}.after.{name}"] = ours(value)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "training-steps.safetensors")
    write(path, arrays)


main()
