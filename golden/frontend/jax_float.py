"""Training of a described network in float, from random weights: what the training to a size begins with."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from ..errors import InputError
from .batches import batches
from .forward import images_of
from .jax_forward import forward

__all__ = ["random_weights", "train_float"]


def random_weights(network, generator) -> dict[str, np.ndarray]:
    """Random weights of He's variance, and biases of zero; float32, names NAME.weight and NAME.bias."""
    tensors = {}
    for name, shape in network.weights.items():
        axis = network.node(name).output_axis
        deviation = np.sqrt(2 * shape[axis] / np.prod(shape))
        tensors[f"{name}.weight"] = generator.normal(0, deviation, shape).astype(np.float32)
        tensors[f"{name}.bias"] = np.zeros(shape[axis], np.float32)
    return tensors


def train_float(network, images, labels, settings, progress: bool = False) -> dict[str, np.ndarray]:
    """Train by Adam and cross-entropy, the learning rate falling as a cosine does.

    Parameters
    ----------
    network : Network
    images, labels : ndarray
        Pixels (n, H, W, C), and int32 (n,).
    settings : golden.frontend.jax_objective.Settings
        Of which epochs, batch, rate, clip, shift, mirror and seed are used; the rate is that of the weights themselves.
    progress : bool
        Show a bar where standard error is a terminal.

    Raises
    ------
    InputError
        If the loss does not stay finite.
    """
    generator = np.random.default_rng([settings.seed, 2])
    params = {name: jnp.asarray(array) for name, array in random_weights(network, generator).items()}
    steps = settings.epochs * max(1, len(images) // settings.batch)
    chosen = optax.chain(optax.clip_by_global_norm(settings.clip),
                         optax.adam(optax.cosine_decay_schedule(settings.rate, steps)))
    state = chosen.init(params)

    def loss(params, images, labels):
        scores = forward(network, params, images)
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    @jax.jit
    def step(params, state, images, labels):
        value, slopes = jax.value_and_grad(loss)(params, images, labels)
        changes, state = chosen.update(slopes, state, params)
        return optax.apply_updates(params, changes), state, value

    with tqdm(total=settings.epochs, desc=f"{network.name}, float", unit="epoch",
              disable=None if progress else True) as bar:
        for epoch in range(settings.epochs):
            for pixels, right in batches(images, labels, settings.batch, generator, settings.shift, settings.mirror):
                params, state, value = step(params, state, images_of(network, pixels), right)
            if not np.isfinite(float(value)):
                raise InputError(f"the loss must stay finite; it is {float(value)} in epoch {epoch + 1}: a lower "
                                 "learning rate may help")
            bar.update()
    return {name: np.asarray(array) for name, array in params.items()}
