"""Projected gradient descent: steps up the objective, each brought back into the ball around the example and into [0, 1].

    linf   x' <- x' + a sign(g)        within  |x'_i - x_i| <= eps
    l2     x' <- x' + a g / ||g||_2    within  ||x' - x||_2 <= eps

g is the gradient of the objective at x', example by example. It starts at a random place in the ball, and ends at the last place,
not at the best one.
"""
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import Misuse

FLOOR = 1e-10       # of a gradient's length


def linf(objective, x, eps, steps=40, step_size=None, seed=(0, 0), start=None, keep_overshoot=False):
    """Moves every value by at most eps.

    Args:
        objective: function of changed examples (b, ...) with values (b,), to be raised.
        x: float32 (b, ...) in [0, 1].
        eps: float >= 0, in units of the values.
        steps: int >= 0, T.
        step_size: float > 0, a; None: 2.5 eps / steps.
        seed: two int or an int32 tensor (2,), decides the random start.
        start: None, or float32 (b, ...): the changed examples to begin with, in the place of a random start.
        keep_overshoot: bool, the change is held within the ball alone, and what [0, 1] cuts off is remembered, so that it must be
            undone step by step; False: the change is what [0, 1] has left of it. Both of ARAE's codes are like that, one each.

    Returns:
        float32 (b, ...) in [0, 1], at most eps from x in every value.

    Raises:
        Misuse: an argument is out of range; the objective has no gradient.

    Source: Madry et al. (2018); Salehi et al. (2021), ARAE.
    """
    step_size = _checked(eps, steps, step_size)
    change = _uniform(x, seed, -eps, eps) if start is None else tf.clip_by_value(start - x, -eps, eps)
    if not keep_overshoot:
        change = _inside(x, change) - x

    def step(change):
        change = change + step_size * tf.sign(input_gradient(objective, _inside(x, change)))
        change = tf.clip_by_value(change, -eps, eps)
        return change if keep_overshoot else _inside(x, change) - x
    return tf.stop_gradient(_inside(x, _repeat(step, change, steps)))


def l2(objective, x, eps, steps=100, step_size=None, seed=(0, 0), start=None):
    """Moves the whole example by at most eps.

    Args:
        objective, x, steps, step_size, seed, start: as in `linf`.
        eps: float >= 0, Euclidean length of the change, summed over all values of an example.

    Returns:
        float32 (b, ...) in [0, 1], at most eps from x.

    Raises:
        Misuse: an argument is out of range; the objective has no gradient.

    Source: Madry et al. (2018); Salehi et al. (2021), ARAE, which start on the sphere unless the random change is shorter.
    """
    step_size = _checked(eps, steps, step_size)
    change = _uniform(x, seed, -0.5, 0.5) if start is None else start - x
    changed = _inside(x, _shortened(change, eps))

    def step(changed):
        gradient = input_gradient(objective, changed)
        return _inside(x, _shortened(changed + step_size * gradient / (_length(gradient) + FLOOR) - x, eps))
    return tf.stop_gradient(_repeat(step, changed, steps))


def input_gradient(objective, x):
    """float32, of the shape of x: the gradient of each example's own value.

    Raises:
        Misuse: the objective does not depend on x by differentiable operations.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        value = objective(x)
    gradient = tape.gradient(value, x)
    if gradient is None:
        raise Misuse("`objective` must have a gradient for linf and l2. Received: one that has none (a forest is flat everywhere). "
                     "Take spatial.")
    return gradient


def _checked(eps, steps, step_size):
    """float, the step size."""
    arguments.number("eps", eps, at_least=0)
    arguments.whole("steps", steps, at_least=0)
    if step_size is None:
        return 2.5 * eps / max(1, steps)
    arguments.number("step_size", step_size, above=0)
    return step_size


def _uniform(x, seed, low, high):
    return tf.random.stateless_uniform(tf.shape(x), seed, low, high)


def _inside(x, change):
    return tf.clip_by_value(x + change, 0, 1)


def _length(change):
    """float32 (b, 1, ...), the Euclidean length of each example's change."""
    axes = list(range(1, change.shape.rank))
    return tf.sqrt(tf.reduce_sum(tf.square(change), axes, keepdims=True))


def _shortened(change, eps):
    """Scaled to length eps where it is longer."""
    length = _length(change)
    return change * tf.where(length > eps, eps / tf.maximum(length, FLOOR), 1.0)


def _repeat(step, state, times):
    """`step` applied so often, as a loop of the graph."""
    return tf.while_loop(lambda i, _: i < times, lambda i, state: (i + 1, step(state)), (0, state))[1]
