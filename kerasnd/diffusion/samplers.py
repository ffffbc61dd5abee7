"""Samples: from the prior back to the data, by a score s(x, t).

    euler_maruyama        x <- x - (f - g^2 s) dt,  then + g sqrt(dt) z
    reverse_diffusion     the forward step x' = c x + e z run backward: x <- (2 - c) x + e^2 s,  then + e z
    ancestral             its posterior: x <- (x + e^2 s) / c,  then + e' z
    predictor_corrector   a Langevin step x <- x + h s + sqrt(2 h) z at the same time, then reverse_diffusion
    probability_flow      no noise: Heun's method along `diffusion.flow`

What comes out is the mean of the last step, without its noise.

Source: Song et al. (2021), Score-Based Generative Modeling through Stochastic Differential Equations, and its code.
"""
import tensorflow as tf

from kerasnd import arguments
from kerasnd.diffusion import flow, noise
from kerasnd.diffusion.flow import ask
from kerasnd.diffusion.sdes import SubVP
from kerasnd.errors import Misuse


def _euler_maruyama(sde, x, s, step):
    slope = sde.drift(x, step.time) - tf.square(sde.diffusion(step.time)) * s
    return x - step.length * slope, sde.diffusion(step.time) * tf.sqrt(step.length)


def _reverse_diffusion(sde, x, s, step):
    return (2 - step.factor) * x + tf.square(step.spread) * s, step.spread


def _ancestral(sde, x, s, step):
    return (x + tf.square(step.spread) * s) / step.factor, step.back


# Each predicts (mean, deviation of the noise) of an earlier time; the flow has steps of its own.
SAMPLERS = {"euler_maruyama": _euler_maruyama, "reverse_diffusion": _reverse_diffusion, "ancestral": _ancestral,
            "predictor_corrector": _reverse_diffusion, "probability_flow": None}
SPACINGS = ("published", *flow.SPACINGS)


def sample(sde, score, shape, steps, sampler="euler_maruyama", seed=0, snr=0.16, corrector_steps=1, spacing="published", first=0,
           x=None, start=1.0):
    """Examples drawn from noise, or from examples made noisy; made for a `tf.function`, in which it is one loop of the graph.

    Args:
        sde: one of `SDES`.
        score: function of float32 (n, ...), (n,) with the gradient of ln p_t at each example, float32 (n, ...).
        shape: (n, ...): n an int or an int tensor (), the others int.
        steps: int >= 2 or an int tensor (); the score is asked `steps` times, (corrector_steps + 1) times that by
            predictor_corrector, 2 steps - 1 times by probability_flow.
        sampler: str, one of `SAMPLERS`.
        seed: int >= 0 or an int tensor ().
        snr: float > 0, r: a corrector's step is h = 2 c^2 (r |z| / |s|)^2, with the lengths' means over the batch; so what
            predictor_corrector makes of an example depends on those that are drawn with it.
        corrector_steps: int >= 1, for predictor_corrector.
        spacing: str, one of `SPACINGS`. published: times evenly from `start` to the SDE's `sample_until`, with steps of
            start / steps, the last of which goes beyond zero: with less than some hundred steps far beyond. The others: steps
            from each time to the next, and from the last to the mean of the data. uniform: the times of published; quadratic: even
            in sqrt(t); log_ratio: even in ln(sigma / a). For vp quadratic is the one for few steps: 100 of
            euler_maruyama draw two narrow peaks, N(-0.5, 0.02^2) and N(0.5, 0.02^2), 0.002 from the truth by an exact score (mean
            distance of quantiles), where published are 0.05 from it; from 400 on they are alike. For ve take published.
        first: int >= 0 or an int tensor (), the number of the first of these examples: they are, but for predictor_corrector, those
            that a larger n would have made at that place, up to rounding.
        x: None, or float32 (n, ...), examples of the SDE's space to begin with, perturbed as far as at `start`.
        start: float in (sample_until, 1], the time to begin at; below 1 only with x. The smaller, the nearer to x.

    Returns:
        float32 (n, ...), in the SDE's space. The same seed gives the same bits on a CPU.

    Raises:
        Misuse: a name that does not exist, a number out of its range, a sampler that the SDE does not have.
    """
    check(sde, sampler, steps, snr, corrector_steps, spacing, x, start)
    if tf.is_tensor(steps):
        steps = tf.cast(steps, tf.int32)
    prior = noise.normal(shape, seed, 0, first)
    begin = sde.prior_deviation * prior if x is None else sde.perturbed(x, tf.constant(start, tf.float32), prior)
    if sampler == "probability_flow":
        return _flow(sde, score, begin, steps, "uniform" if spacing == "published" else spacing, start)
    published = spacing == "published"
    correct = corrector_steps if sampler == "predictor_corrector" else 0

    def grid(k):
        if published:
            return sde.discrete(steps - 1 - k, steps, start)
        return sde.between(_time(sde, spacing, k + 1, steps, start), _time(sde, spacing, k, steps, start))

    def body(k, x, mean):
        step = grid(k)
        for turn in range(correct):
            z = noise.normal(shape, seed, 1 + k * (correct + 1) + turn, first)
            x = _corrected(x, ask(score, x, step.time), z, snr, step)
        mean, spread = SAMPLERS[sampler](sde, x, ask(score, x, step.time), step)
        return k + 1, mean + spread * noise.normal(shape, seed, 1 + k * (correct + 1) + correct, first), mean

    rounds = steps if published else steps - 1
    _, x, mean = tf.while_loop(lambda k, *_: k < rounds, body, (tf.constant(0), begin, begin))
    return mean if published else denoised(sde, score, x, sde.sample_until)


def denoised(sde, score, x, t):
    """float32 (n, ...), the mean of the data given x (n, ...) at the time t: (x + sigma^2 s) / a."""
    t = tf.constant(t, tf.float32)
    return (x + tf.square(sde.deviation(t)) * ask(score, x, t)) / sde.mean_factor(t)


def check(sde, sampler, steps=2, snr=0.16, corrector_steps=1, spacing="published", x=None, start=1.0):
    """Raises Misuse for what `sample` refuses; its arguments."""
    arguments.choice("sampler", sampler, SAMPLERS)
    arguments.choice("spacing", spacing, SPACINGS)
    if not tf.is_tensor(steps):
        arguments.whole("steps", steps, at_least=2)
    arguments.number("snr", snr, above=0)
    arguments.whole("corrector_steps", corrector_steps, at_least=1)
    arguments.number("start", start, above=sde.sample_until, at_most=1)
    if x is None and start != 1:
        raise Misuse(f"`start` must be 1 where nothing is given to begin with. Received: start={start}. Give `x`, too.")
    if sampler == "ancestral" and isinstance(sde, SubVP):
        raise Misuse("`sampler` must be another than ancestral for subvp, which has no published posterior. Received: "
                     "sampler=ancestral. Take euler_maruyama.")


def _time(sde, spacing, k, steps, start):
    """float32 (), the k-th of `steps` times."""
    return flow.times(sde, spacing, tf.cast(k, tf.float32) / (tf.cast(steps, tf.float32) - 1), start, sde.sample_until)


def _corrected(x, s, z, snr, step):
    def length(values):
        return tf.reduce_mean(tf.norm(tf.reshape(values, (tf.shape(x)[0], -1)), axis=1))
    size = 2 * tf.square(step.factor * snr * length(z) / length(s))
    return x + size * s + tf.sqrt(2 * size) * z


def _flow(sde, score, x, steps, spacing, start):
    def body(k, y):
        now, then = (_time(sde, spacing, each, steps, start) for each in (k, k + 1))
        return k + 1, flow.heun(sde, lambda y, t: (flow.direction(sde, score, y, t),), y, now, then)[0]

    y = x / sde.mean_factor(tf.constant(start, tf.float32))
    _, y = tf.while_loop(lambda k, _: k < steps - 1, body, (tf.constant(0), y))
    until = tf.constant(sde.sample_until)
    return denoised(sde, score, sde.mean_factor(until) * y, sde.sample_until)
