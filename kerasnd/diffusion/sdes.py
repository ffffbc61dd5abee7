"""Three ways to turn data into noise: dx = f(x, t) dt + g(t) dw for t in [0, 1], with x_t | x_0 ~ N(a(t) x_0, sigma(t)^2 I).

    b(t) = beta_min + t (beta_max - beta_min)      B(t) = integral of b from 0 to t      q = sigma_max / sigma_min

            f           g^2                    a            sigma            prior
    vp      -b x / 2    b                      exp(-B/2)    sqrt(1 - e^-B)   N(0, I)
    subvp   -b x / 2    b (1 - e^-2B)          exp(-B/2)    1 - e^-B         N(0, I)
    ve      0           2 ln(q) sigma^2        1            sigma_min q^t    N(0, sigma_max^2 I)

Times are float32 (b,), or () for a whole batch. Differences that float32 would lose near t = 0 are never formed.

Source: Song et al. (2021), Score-Based Generative Modeling through Stochastic Differential Equations, and its code.
"""
import inspect
import math

import tensorflow as tf

from kerasnd import arguments
from kerasnd.diffusion.sde import SDE, Step
from kerasnd.errors import Misuse, suggest


class _LinearBeta(SDE):
    """The part of vp and subvp: b(t) and what follows from it alone."""

    def __init__(self, beta_min=0.1, beta_max=20.0):
        arguments.number("beta_min", beta_min, above=0)
        arguments.number("beta_max", beta_max, at_least=beta_min)
        self.beta_min = beta_min
        self.beta_max = beta_max

    def beta(self, t):
        """float32 like t, b."""
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def integral(self, t):
        """float32 like t, B."""
        return t * (self.beta_min + t * (self.beta_max - self.beta_min) / 2)

    def time_of_integral(self, integral):
        """float32 like `integral`, the time of a B; the root in the form without a difference."""
        slope = self.beta_max - self.beta_min
        return 2 * integral / (self.beta_min + tf.sqrt(self.beta_min ** 2 + 2 * slope * integral))

    def mean_factor(self, t):
        """float32 like t, a."""
        return tf.exp(-self.integral(t) / 2)

    def drift_rate(self, t):
        """float32 like t, -b / 2."""
        return -self.beta(t) / 2

    def _decay(self, t, before):
        """float32, B(t) - B(before)."""
        return (t - before) * (self.beta_min + (t + before) * (self.beta_max - self.beta_min) / 2)


class VP(_LinearBeta):
    """Variance preserving: the limit of denoising diffusion models.

    Args:
        beta_min, beta_max: float, 0 < beta_min <= beta_max, b at 0 and at 1.

    Raises:
        Misuse: a number out of its range.
    """

    def deviation(self, t):
        """float32 like t, sigma."""
        return tf.sqrt(-tf.math.expm1(-self.integral(t)))

    def diffusion(self, t):
        """float32 like t, g."""
        return tf.sqrt(self.beta(t))

    def log_ratio(self, t):
        """float32 like t, ln(a^2 / sigma^2)."""
        return -tf.math.log(tf.math.expm1(self.integral(t)))

    def time_of(self, log_ratio):
        """float32 like `log_ratio`, the time at which it is reached."""
        return self.time_of_integral(tf.math.softplus(-log_ratio))

    def discrete(self, i, steps, start=1.0):
        """The published step i of `steps`, counted from the data: beta_i = b(i start / (steps - 1)) start / steps.

        Raises:
            Misuse: so few steps that a beta_i reaches 1.
        """
        longest = self.beta(start) * start
        if isinstance(steps, int) and steps <= longest:
            raise Misuse(f"`steps` must be above {longest:g} where steps have their published sizes: they would take away more "
                         f"than there is. Received: steps={steps}. Take more, or spacing=quadratic.")
        i, steps, time = self._placed(i, steps, start)
        beta = self.beta(start * i / (steps - 1)) * start / steps
        return Step(time, start / steps, tf.sqrt(1 - beta), tf.sqrt(beta), tf.sqrt(beta))

    def between(self, before, t):
        """`Step` between two times, exact. Its way back has the whole spread, as published."""
        decay = self._decay(t, before)
        spread = tf.sqrt(-tf.math.expm1(-decay))
        return Step(t, t - before, tf.exp(-decay / 2), spread, spread)


class SubVP(_LinearBeta):
    """As VP, with a smaller variance at every time.

    Args:
        beta_min, beta_max: float, 0 < beta_min <= beta_max, b at 0 and at 1.

    Raises:
        Misuse: a number out of its range.
    """

    def deviation(self, t):
        """float32 like t, sigma."""
        return -tf.math.expm1(-self.integral(t))

    def diffusion(self, t):
        """float32 like t, g."""
        return tf.sqrt(-self.beta(t) * tf.math.expm1(-2 * self.integral(t)))

    def log_ratio(self, t):
        """float32 like t, ln(a^2 / sigma^2)."""
        return self.integral(t) - 2 * tf.math.log(tf.math.expm1(self.integral(t)))

    def time_of(self, log_ratio):
        """float32 like `log_ratio`, the time at which it is reached: 2 sinh(B/2) = sigma / a."""
        sinh = tf.exp(-log_ratio / 2) / 2
        # asinh, without the difference that it has near zero.
        return self.time_of_integral(2 * tf.math.log1p(sinh + tf.square(sinh) / (1 + tf.sqrt(1 + tf.square(sinh)))))

    def discrete(self, i, steps, start=1.0):
        """Step i of `steps`, counted from the data: Euler's.

        Differs: the published class has no alphas, and its Langevin corrector fails; here they are the squares of Euler's factor.
        """
        i, steps, time = self._placed(i, steps, start)
        length = start / steps
        spread = self.diffusion(time) * tf.sqrt(length)
        return Step(time, length, 1 + self.drift_rate(time) * length, spread, spread)

    def between(self, before, t):
        """`Step` between two times, exact."""
        decay = self._decay(t, before)
        spread = tf.sqrt(tf.math.expm1(-decay) * tf.math.expm1(-self.integral(t) - self.integral(before)))
        return Step(t, t - before, tf.exp(-decay / 2), spread, spread)


class VE(SDE):
    """Variance exploding: the limit of score matching with Langevin dynamics. sigma(0) is sigma_min, not zero, as published.

    Args:
        sigma_min: float > 0, sigma at 0.
        sigma_max: float > sigma_min, sigma at 1; about the largest distance between two examples.

    Raises:
        Misuse: a number out of its range.
    """

    sample_until = 1e-5

    def __init__(self, sigma_min=0.01, sigma_max=50.0):
        arguments.number("sigma_min", sigma_min, above=0)
        arguments.number("sigma_max", sigma_max, above=sigma_min)
        self.sigma_min = sigma_min
        self.sigma_max = sigma_max
        self.growth = math.log(sigma_max / sigma_min)
        self.prior_deviation = sigma_max

    def mean_factor(self, t):
        """float32 like t, 1."""
        return tf.ones_like(t)

    def drift_rate(self, t):
        """float32 like t, 0."""
        return tf.zeros_like(t)

    def deviation(self, t):
        """float32 like t, sigma."""
        return self.sigma_min * tf.exp(self.growth * t)

    def diffusion(self, t):
        """float32 like t, g."""
        return self.deviation(t) * math.sqrt(2 * self.growth)

    def log_ratio(self, t):
        """float32 like t, ln(1 / sigma^2)."""
        return -2 * (math.log(self.sigma_min) + self.growth * tf.convert_to_tensor(t, tf.float32))

    def time_of(self, log_ratio):
        """float32 like `log_ratio`, the time at which it is reached."""
        return -(log_ratio / 2 + math.log(self.sigma_min)) / self.growth

    def discrete(self, i, steps, start=1.0):
        """The published step i of `steps`, counted from the data: sigma_i in geometric progression, none before the first."""
        i, steps, time = self._placed(i, steps, start)
        late = self.deviation(start * i / (steps - 1))
        early = tf.where(i > 0, self.deviation(start * (i - 1) / (steps - 1)), 0.0)
        spread = tf.sqrt(tf.square(late) - tf.square(early))
        return Step(time, start / steps, tf.ones_like(late), spread, spread * early / late)

    def between(self, before, t):
        """`Step` between two times, exact."""
        spread = self.deviation(t) * tf.sqrt(-tf.math.expm1(2 * self.growth * (before - t)))
        return Step(t, t - before, tf.ones_like(t), spread, spread * tf.exp(self.growth * (before - t)))


SDES = {"vp": VP, "subvp": SubVP, "ve": VE}


def make(name, **options):
    """An SDE by its name.

    Args:
        name: str, one of `SDES`.
        options: the arguments of its class.

    Raises:
        Misuse: a name or an option that does not exist, or an option out of its range.
    """
    arguments.choice("sde", name, SDES)
    known = inspect.signature(SDES[name]).parameters
    for option in options:
        if option not in known:
            raise Misuse(f"`{option}` must be one of {', '.join(known)} for {name}. Received: {option}={options[option]!r}."
                         f"{suggest(option, known)}")
    return SDES[name](**options)
