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


def heun(slope, y, start, end, place):
    """One step of Heun's method.

    Args:
        slope: function of (y, t) with a tuple of float32 tensors, the first of them dy/dk, the others dependent on y and t alone.
        y: float32 (n, ...).
        start, end: float32 (), times.
        place: function of a time with its k.

    Returns:
        (float32 (n, ...), list): the new y; what the others have summed up to on the way.
    """
    length = place(end) - place(start)
    here = slope(y, start)
    there = slope(y + length * here[0], end)
    first, *others = [length * (a + b) / 2 for a, b in zip(here, there)]
    return y + first, others


def ratio(sde, t):
    """float32 like t, k = sigma / a."""
    return sde.deviation(t) / sde.mean_factor(t)


def ask(score, x, t):
    """float32 (n, ...), the score at examples (n, ...) and one time () for all."""
    return tf.cast(score(x, tf.fill(tf.shape(x)[:1], t)), tf.float32)
