"""Denoising score matching: a score learns, at every time, where the noise of a perturbed example came from.

    x_t = a x + sigma z        loss = lambda |s(x_t, t) + z / sigma|^2

    weighting     lambda     t
    sigma         sigma^2    uniform: every time counts alike; for samples
    likelihood    g^2        uniform: a bound of the likelihood
    importance    g^2        of density g^2 / sigma^2: the mean of likelihood, with a far smaller variance
"""
import tensorflow as tf

from kerasnd import arguments
from kerasnd.diffusion.sde import along

WEIGHTINGS = ("sigma", "likelihood", "importance")


def training_times(sde, u, weighting="sigma"):
    """The times at which a step of training looks.

    Args:
        sde: one of `SDES`.
        u: float32 (b,) in [0, 1], uniform.
        weighting: str, one of `WEIGHTINGS`.

    Returns:
        float32 (b,), from the SDE's `train_from` to 1.

    Raises:
        Misuse: no such weighting.
    """
    arguments.choice("weighting", weighting, WEIGHTINGS)
    return sde.importance_times(u) if weighting == "importance" else sde.train_from + u * (1 - sde.train_from)


def denoising_loss(sde, score, x, t, z, weighting="sigma", reduce_mean=True):
    """How far a score is from the one that undoes the noise.

    Args:
        sde: one of `SDES`.
        score: function of float32 (b, ...), (b,) with the gradient of ln p_t at each example, float32 (b, ...).
        x: float32 (b, ...), examples in the SDE's space.
        t: float32 (b,), of `training_times` with the same weighting.
        z: float32 (b, ...), standard normal.
        weighting: str, one of `WEIGHTINGS`.
        reduce_mean: bool, the mean over the values of an example; False: half their sum.

    Returns:
        float32 (b,), >= 0. For ve the three weightings differ by a factor alone.

    Raises:
        Misuse: no such weighting.

    Source: Song et al. (2021), and its code.
    """
    arguments.choice("weighting", weighting, WEIGHTINGS)
    # |sigma s + z|^2 first, for all: z / sigma is huge near t = 0.
    residual = tf.square(along(sde.deviation(t), x) * tf.cast(score(sde.perturbed(x, t, z), t), tf.float32) + z)
    residual = tf.reshape(residual, (tf.shape(x)[0], -1))
    loss = tf.reduce_mean(residual, axis=1) if reduce_mean else tf.reduce_sum(residual, axis=1) / 2
    if weighting == "likelihood":
        return sde.rate(t) * loss
    return sde.importance_weight * loss if weighting == "importance" else loss
