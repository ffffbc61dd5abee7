"""Optimisers as the methods' papers set them."""
import keras

from kerasnd.errors import Misuse

NAMES = ("adam", "sgd")


def make(steps, name="adam", learning_rate=1e-3, milestones=(), factor=0.1, epsilon=1e-8, momentum=0.0):
    """An optimiser whose rate drops at given epochs.

    Args:
        steps: int, steps of an epoch.
        name: "adam" or "sgd". Weight decay is the detector's own: Keras' is decoupled, the papers' is not.
        learning_rate: float > 0.
        milestones: ints, epochs (counted from 0) from which on the rate is multiplied by `factor` once more.
        factor: float > 0.
        epsilon: float > 0, of Adam; Keras' own default is 1e-7, the published runs had 1e-8.
        momentum: float in [0, 1), of SGD.

    Raises:
        Misuse: an unknown name or a rate that is not positive.
    """
    if name not in NAMES:
        raise Misuse(f"`optimizer.name` must be one of {', '.join(NAMES)}. Received: {name}.")
    if not learning_rate > 0:
        raise Misuse(f"`optimizer.learning_rate` must be positive. Received: {learning_rate}.")
    if not 0 <= momentum <= 1:
        raise Misuse(f"`optimizer.momentum` must be in [0, 1]. Received: {momentum}.")
    milestones = sorted(int(epoch) for epoch in milestones)
    if milestones:
        # The schedule keeps a rate up to and including its boundary, counted in steps from 0.
        learning_rate = keras.optimizers.schedules.PiecewiseConstantDecay(
            [epoch * steps - 1 for epoch in milestones], [learning_rate * factor ** i for i in range(len(milestones) + 1)])
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=momentum)
    return keras.optimizers.Adam(learning_rate, epsilon=epsilon)
