"""What is minimised, and one step of it: the task, learned from labels and from the float network, and the entropy."""

import math
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import optax

from ..errors import ConfigError
from . import jax_quantizer as quantizer
from .jax_forward import forward

__all__ = ["Settings", "make_step", "optimizer"]


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Parameters
    ----------
    epochs : int
        Per target, 1 at least.
    batch : int
        Images per step.
    rate : float
        The greatest learning rate of Adam for weights and biases, in deviations of their layer; it falls to a
        hundredth as a cosine does.
    step_rate : float
        That for the logarithms of steps and bounds.
    clip : float
        The greatest norm of the gradient; a longer one is shortened.
    distill : float
        The part of the task, 0 to 1, that is learned from the scores of the float network, not from labels.
    temperature : float
        By which both networks' scores are divided for that.
    shift : int
        Pixels by which images are shifted at most, each way.
    mirror : bool
        Mirror every second image.
    byte_biases : bool
        Round biases to 255 bins in what is kept; coded like weights they take fewer bytes.
    seed : int
    """

    epochs: int = 20
    batch: int = 100
    rate: float = 2e-3
    step_rate: float = 1e-3
    clip: float = 5.0
    distill: float = 0.0
    temperature: float = 3.0
    shift: int = 0
    mirror: bool = False
    byte_biases: bool = False
    seed: int = 0

    def __post_init__(self):
        for name, low, high in (("epochs", 1, 10 ** 6), ("batch", 1, 10 ** 6), ("shift", 0, 10 ** 4),
                                ("seed", 0, 2 ** 63)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        for name in ("rate", "step_rate", "clip", "temperature"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name.replace('_', ' ')} must be above 0, not {getattr(self, name)!r}")
        if not 0 <= self.distill <= 1:
            raise ConfigError(f"distill must be a part from 0 to 1, not {self.distill!r}")


def optimizer(settings, steps: int):
    """Adam with a warm-up of a fiftieth of the steps and a cosine, for the four kinds of parameters."""
    def adam(rate):
        schedule = optax.warmup_cosine_decay_schedule(rate / 50, rate, max(1, steps // 50), max(2, steps), rate / 100)
        return optax.adam(schedule)

    kinds = {"weight": settings.rate, "bias": settings.rate, "step": settings.step_rate, "bound": settings.step_rate}
    return optax.chain(optax.clip_by_global_norm(settings.clip),
                       optax.multi_transform({kind: adam(rate) for kind, rate in kinds.items()},
                                             {kind: kind for kind in kinds}))


@lru_cache(maxsize=8)
def make_step(network, settings, steps: int):
    """One step of training, compiled once for all trainings of the same network, settings and number of steps.

    Returns
    -------
    callable
        ``step(params, state, units, teacher, images, labels, weight)`` gives the next params and state, the loss of the
        task before the step, in nats, and the entropy after it, in bits of all weights. Params and units are those of
        `golden.frontend.jax_quantizer.initial`, the state is the optimizer's, the teacher is the float network; images
        are pixels, and the weight is lambda, per bit and weight of the network.
    """
    count = sum(math.prod(shape) for shape in network.weights.values())
    chosen = optimizer(settings, steps)

    def loss(params, units, teacher, images, labels, weight):
        scores = forward(network, quantizer.tensors_of(params, units), images)
        task = _task(network, settings, teacher, scores, images, labels)
        return task + weight * quantizer.soft_bits(params) / count, task

    @jax.jit
    def step(params, state, units, teacher, images, labels, weight):
        images = (images.astype(jnp.float32) - jnp.float32(network.zero)) * jnp.float32(network.scale)
        (_, task), slopes = jax.value_and_grad(loss, has_aux=True)(params, units, teacher, images, labels, weight)
        changes, state = chosen.update(slopes, state, params)
        params = optax.apply_updates(params, changes)
        return params, state, task, quantizer.bits(params)

    return step


def _task(network, settings, teacher, scores, images, labels):
    task = 0.0
    if settings.distill < 1:
        task += (1 - settings.distill) * optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()
    if settings.distill > 0:
        wanted = jax.nn.log_softmax(forward(network, teacher, images) / settings.temperature)
        found = jax.nn.log_softmax(scores / settings.temperature)
        distance = (jnp.exp(wanted) * (wanted - found)).sum(axis=1).mean()
        task += settings.distill * settings.temperature ** 2 * distance
    return task
