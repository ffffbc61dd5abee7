"""The probability flow: an ordinary differential equation whose solutions have, at every time, the distribution of the SDE's.

    dx/dt = f - g^2 s / 2

With y = x / a and k = sigma / a it reads, for vp, subvp and ve alike,

    dy/dk = -sigma s(a y, t)

a slowly changing direction: far from the data it is constant, so that Heun's method makes its few steps without an error there.
Differs: published in x and t, by Runge-Kutta steps of free length; Heun's of fixed length cost the same for every example.

A spacing tells how times go from late to early. log_ratio is even in ln k, and falls fast near the data.
"""
import tensorflow as tf

SPACINGS = ("uniform", "quadratic", "log_ratio")


def times(sde, spacing, share, late, early):
    """Times on the way to the data.

    Args:
        sde: one of `SDES`.
        spacing: str, one of `SPACINGS`.
        share: float32, any shape, in [0, 1], of the way.
        late, early: float, 0 < early < late <= 1.

    Returns:
        float32 like `share`: `late` at 0, `early` at 1.
    """
    if spacing == "uniform":
        return late + (early - late) * share
    if spacing == "quadratic":
        return tf.square(late ** 0.5 + (early ** 0.5 - late ** 0.5) * share)
    return sde.time_of(sde.log_ratio(late) + (sde.log_ratio(early) - sde.log_ratio(late)) * share)


def direction(sde, score, y, t):
    """float32 (n, ...), dy/dk at y (n, ...) and the time t ()."""
    return -sde.deviation(t) * ask(score, sde.mean_factor(t) * y, t)


def heun(sde, slope, y, start, end):
    """One step of Heun's method.

    Args:
        sde: one of `SDES`.
        slope: function of (y, t) with a tuple of float32 tensors: dy/dk, and what is to be gathered along ln k on the way.
        y: float32 (n, ...).
        start, end: float32 (), times.

    Returns:
        (float32 (n, ...), list): the new y; what has been gathered, by the trapezoidal rule.
    """
    before, after = ratio(sde, start), ratio(sde, end)
    here = slope(y, start)
    there = slope(y + (after - before) * here[0], end)
    y += (after - before) * (here[0] + there[0]) / 2
    # Along ln k, because traces go like 1 / k far from the data.
    return y, [tf.math.log(after / before) * (a + b) / 2 for a, b in zip(here[1:], there[1:])]


def ratio(sde, t):
    """float32 like t, k = sigma / a."""
    return sde.deviation(t) / sde.mean_factor(t)


def ask(score, x, t):
    """float32 (n, ...), the score at examples (n, ...) and one time () for all."""
    return tf.cast(score(x, tf.fill(tf.shape(x)[:1], t)), tf.float32)
