"""Normalisation as a flow layer: each channel is shifted and scaled, and the log-det counted.

`ActivationNorm` (Kingma and Dhariwal, 2018) starts at the mean and scale of the first batch and
is an ordinary learned affine map from then on: its own inverse in every mode. `BatchNorm` (Dinh
et al. 2016, appendix E) divides by the statistics of the batch in training and by running ones
in evaluation: a map that depends on the whole batch, whose inverse exists in evaluation only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.models.flows.transforms import Transform


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *[1] * (x.dim() - 2))


def _positions(x: Tensor) -> int:
    """Numbers that each channel has in one example."""
    return x.shape[2:].numel()


def _two_or_more(by_channel: Tensor) -> Tensor:
    if by_channel.shape[1] < 2:
        raise CourseError(
            "A normalisation takes a channel's mean and variance over the batch, and here the "
            "batch is a single number: train this flow on batches of 2 or more."
        )
    return by_channel


class ActivationNorm(Transform):
    """z = (x + shift) · exp(log_scale), for each channel.

    The first call in training mode sets both so that z has mean 0 and variance 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.register_buffer("started", torch.tensor(0.0))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if self.training and not self.started:
            self._start(x)
        z = (x + _per_channel(self.shift, x)) * _per_channel(self.log_scale, x).exp()
        return z, (self.log_scale.sum() * _positions(x)).expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z * _per_channel(-self.log_scale, z).exp() - _per_channel(self.shift, z)

    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        by_channel = _two_or_more(x.transpose(0, 1).flatten(1))
        self.shift.copy_(-by_channel.mean(1))
        self.log_scale.copy_(-by_channel.std(1).clamp_min(1e-6).log())
        self.started.fill_(1.0)


class BatchNorm(Transform):
    """z = (x − mean) / sqrt(var + ε), for each channel; log-det −½ Σ log(var + ε).

    In training the batch's own mean and variance, whose moving averages serve in evaluation.
    The log-det is a sum of logs: the log of a product of 784 factors under- or overflows.
    """

    def __init__(self, channels: int, epsilon: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.epsilon, self.momentum = epsilon, momentum
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean, variance = self.mean, self.variance
        if self.training:
            by_channel = _two_or_more(x.transpose(0, 1).flatten(1))
            mean, variance = by_channel.mean(1), by_channel.var(1, unbiased=False)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance, self.momentum)
        log_scale = -0.5 * (variance + self.epsilon).log()
        z = (x - _per_channel(mean, x)) * _per_channel(log_scale, x).exp()
        return z, (log_scale.sum() * _positions(x)).expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        if self.training:
            raise CourseError(
                "In training mode flow batch normalisation depends on the batch and has no "
                "inverse of its own: call model.eval() before inverse or sample."
            )
        scale = (self.variance + self.epsilon).sqrt()
        return z * _per_channel(scale, z) + _per_channel(self.mean, z)
