"""The steps of bench/methods in PyTorch: distilling 32 pictures, and GDFQ's student step.

Reads lines `distill N` and `student N` and answers each with the seconds that N steps took.
ResNet-20 of CIFAR with option A shortcuts; numbers are random, times do not depend on them.
"""
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

THREADS, STUDENT_BATCH, BITS = int(sys.argv[1]), int(sys.argv[2]), 4
torch.set_num_threads(THREADS)
torch.manual_seed(1)
LAYOUT = torch.channels_last if sys.argv[3] == "last" else torch.contiguous_format


def codes(x, lo, hi, bits):
    scale = (hi - lo).clamp(min=1e-8) / (2**bits - 1)
    zero = torch.round(-lo / scale)
    code = torch.clamp(torch.round(x.detach() / scale) + zero, 0, 2**bits - 1)
    return x + ((code - zero) * scale - x.detach())


class Conv(nn.Conv2d):
    bits = None

    def forward(self, x):
        w = self.weight
        if self.bits is not None:
            rows = w.detach().flatten(1)
            lo, hi = rows.min(1).values, rows.max(1).values
            w = codes(w, lo.view(-1, 1, 1, 1), hi.view(-1, 1, 1, 1), self.bits)
        return F.conv2d(x, w, None, self.stride, self.padding)


class Act(nn.Module):
    bits = None

    def forward(self, x):
        x = F.relu(x)
        return x if self.bits is None else codes(x, torch.zeros(()), torch.tensor(6.0), self.bits)


class Block(nn.Module):
    def __init__(self, inner, outer, stride):
        super().__init__()
        self.conv1, self.bn1 = Conv(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)
        self.conv2, self.bn2 = Conv(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
        self.act1, self.act2, self.pad = Act(), Act(), outer - inner

    def forward(self, x):
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.pad:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad // 2, self.pad // 2))
        return self.act2(y + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.act = Conv(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), Act()
        blocks, inner = [], 16
        for outer, stride in ((16, 1), (32, 2), (64, 2)):
            for i in range(3):
                blocks.append(Block(inner, outer, stride if i == 0 else 1))
                inner = outer
        self.blocks, self.fc = nn.Sequential(*blocks), nn.Linear(64, 10)

    def forward(self, x):
        y = self.blocks(self.act(self.bn(self.conv(x))))
        return self.fc(y.mean((2, 3)))


net = Net().eval().to(memory_format=LAYOUT)
seen = []
for module in net.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.register_forward_pre_hook(lambda own, x: seen.append((own, x[0])))
for parameter in net.parameters():
    parameter.requires_grad_(False)
pictures = torch.randn(32, 3, 32, 32).to(memory_format=LAYOUT).requires_grad_()
adam = torch.optim.Adam([pictures], lr=0.5)


def distill():
    seen.clear()
    net(pictures)
    loss = 0
    for norm, x in [*seen, (None, pictures)]:
        mean, std = x.mean((0, 2, 3)), torch.sqrt(x.var((0, 2, 3)) + 1e-6)
        wanted = (0.0, 1.0) if norm is None else (
            norm.running_mean, torch.sqrt(norm.running_var + 1e-6))
        loss = loss + ((mean - wanted[0]) ** 2).sum() + ((std - wanted[1]) ** 2).sum()
    adam.zero_grad()
    loss.backward()
    adam.step()


student = Net().eval().to(memory_format=LAYOUT)
for module in student.modules():
    if isinstance(module, (Conv, Act)):
        module.bits = BITS
student.conv.bits = 8
sgd = torch.optim.SGD(student.parameters(), 1e-4, momentum=0.9, nesterov=True, weight_decay=1e-4)
batch = torch.randn(STUDENT_BATCH, 3, 32, 32).to(memory_format=LAYOUT)
labels = torch.randint(0, 10, (STUDENT_BATCH,))
teacher = torch.randn(STUDENT_BATCH, 10)


def learn():
    logits = student(batch)
    kl = F.kl_div(F.log_softmax(logits / 20, 1), F.softmax(teacher / 20, 1), reduction="batchmean")
    loss = F.cross_entropy(logits, labels) + 400 * kl
    sgd.zero_grad()
    loss.backward()
    sgd.step()


for line in sys.stdin:
    what, count = line.split()
    step = {"distill": distill, "student": learn}[what]
    began = time.perf_counter()
    for _ in range(int(count)):
        step()
    print(time.perf_counter() - began, flush=True)
