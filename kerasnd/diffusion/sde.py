"""What all stochastic differential equations dx = f(x, t) dt + g(t) dw of `diffusion.sdes` share, whatever their f and g.

    x_t | x_0 ~ N(a(t) x_0, sigma(t)^2 I)        d ln(a^2 / sigma^2) / dt = -g^2 / sigma^2

so that times at which the logarithm of the ratio is uniform have a density in proportion to g^2 / sigma^2.
"""
import math
from typing import NamedTuple

import tensorflow as tf


class Step(NamedTuple):
    """The way of x from an earlier time to a later one: x' = factor x + spread z. All float32, ().

    Args:
        time: the later time, at which the score is asked for.
        length: how much time the step takes.
        factor: > 0; its square is the alpha of the Langevin corrector.
        spread: >= 0.
        back: >= 0, the deviation of the noise that an ancestral step back adds.
    """
    time: tf.Tensor
    length: tf.Tensor
    factor: tf.Tensor
    spread: tf.Tensor
    back: tf.Tensor


class SDE:
    """What the three have in common. Attributes: prior_deviation; sample_until and train_from, the first times of each."""

    prior_deviation = 1.0
    sample_until = 1e-3
    train_from = 1e-5

    def perturbed(self, x, t, z):
        """float32 (b, ...), a(t) x + sigma(t) z for standard normal z (b, ...)."""
        return along(self.mean_factor(t), x) * x + along(self.deviation(t), x) * z

    def drift_rate(self, t):
        """float32 like t, the number r <= 0 of the drift f = r x."""
        raise NotImplementedError

    def drift(self, x, t):
        """float32 (b, ...), f(x, t) for x (b, ...)."""
        return along(self.drift_rate(t), x) * x

    def log_prior(self, x):
        """float32 (b,), the logarithm of the prior's density at x (b, ...), in nats."""
        flat = tf.reshape(x, (tf.shape(x)[0], -1)) / self.prior_deviation
        values = tf.cast(tf.shape(flat)[1], tf.float32)
        return -tf.reduce_sum(tf.square(flat), axis=1) / 2 - values * (math.log(2 * math.pi) / 2 + math.log(self.prior_deviation))

    @property
    def importance_weight(self):
        """float32 (), Z: the integral of g^2 / sigma^2 from `train_from` to 1, ln of how often the ratio shrinks."""
        return self.log_ratio(self.train_from) - self.log_ratio(1.0)

    def importance_times(self, u):
        """Times for the likelihood weighting, of density g^2 / (sigma^2 Z) between `train_from` and 1.

        Args:
            u: float32 (b,) in [0, 1], uniform.

        Returns:
            float32 (b,), growing with u. Z |sigma s + z|^2 at these times has the mean of g^2 |s + z / sigma|^2 at uniform times,
            up to the factor 1 - train_from, and a far smaller variance.

        Source: Song et al. (2021), Maximum Likelihood Training of Score-Based Diffusion Models, for vp; inverted in closed form.
        """
        return self.time_of(self.log_ratio(self.train_from) - u * self.importance_weight)

    def rate(self, t):
        """float32 like t, g^2 / sigma^2."""
        return tf.square(self.diffusion(t) / self.deviation(t))

    def to_data(self, t):
        """`Step` from the data themselves to t: its way back is the mean of the data given x_t."""
        t = tf.convert_to_tensor(t, tf.float32)
        return Step(t, t, self.mean_factor(t), self.deviation(t), tf.zeros_like(t))

    def _placed(self, i, steps, start):
        """(i, steps, time) as float32 (): time falls evenly from `start` at i = steps - 1 to `sample_until` at i = 0."""
        i, steps = tf.cast(i, tf.float32), tf.cast(steps, tf.float32)
        return i, steps, self.sample_until + (start - self.sample_until) * i / (steps - 1)


def along(t, x):
    """float32 (b, 1, ...) or (1, 1, ...), numbers of examples, (b,) or (), of the rank of x (b, ...)."""
    return tf.reshape(t, [-1] + [1] * (x.shape.rank - 1))
