"""Optimisers as the methods' papers set them."""
import keras

from kerasnd import arguments
from kerasnd.errors import Misuse

NAMES = ("adam", "sgd")


def make(steps, name="adam", learning_rate=1e-3, milestones=(), factor=0.1, epsilon=1e-8, momentum=0.0,
         beta_1=0.9, warm_up=0, clip_norm=None):
    """An optimiser whose rate drops at given epochs.

    Args:
        steps: int, steps of an epoch.
        name: "adam" or "sgd". Weight decay is the detector's own: Keras' is decoupled, the papers' is not.
        learning_rate: float > 0.
        milestones: ints >= 1, epochs (counted from 0) from which on the rate is multiplied by `factor` once more.
        factor: float > 0.
        epsilon: float > 0, of Adam; Keras' own default is 1e-7, the published runs had 1e-8.
        momentum: float in [0, 1), of SGD.
        beta_1: float in [0, 1), how slowly Adam's mean of the gradients moves; adversarial networks take 0.5.
        warm_up: int >= 0, steps in which the rate grows evenly from 0; it goes with no `milestones`.
        clip_norm: float > 0, the longest that the gradient of all weights together may be; None: any length. On several replicas
            each one's share of the gradient is clipped.

    Raises:
        Misuse: an unknown name, or a number out of its range.
    """
    arguments.choice("optimizer.name", name, NAMES)
    for key, value in (("learning_rate", learning_rate), ("factor", factor), ("epsilon", epsilon)):
        arguments.number(f"optimizer.{key}", value, above=0)
    for key, value in (("momentum", momentum), ("beta_1", beta_1)):
        arguments.number(f"optimizer.{key}", value, at_least=0, below=1)
    for epoch in milestones:
        arguments.whole("optimizer.milestones", epoch, at_least=1)
    arguments.whole("optimizer.warm_up", warm_up, at_least=0)
    if clip_norm is not None:
        arguments.number("optimizer.clip_norm", clip_norm, above=0)
    milestones = sorted(milestones)
    if warm_up and milestones:
        raise Misuse(f"`optimizer.warm_up` must go without milestones. Received: warm_up={warm_up} and milestones={milestones}. "
                     "Give warm_up=0 or milestones=[].")
    if warm_up:     # up to the rate, and then, with alpha 1, down by nothing
        learning_rate = keras.optimizers.schedules.CosineDecay(0.0, 1, alpha=1.0, warmup_target=learning_rate, warmup_steps=warm_up)
    if milestones:
        # The schedule keeps a rate up to and including its boundary, counted in steps from 0.
        learning_rate = keras.optimizers.schedules.PiecewiseConstantDecay(
            [epoch * steps - 1 for epoch in milestones], [learning_rate * factor ** i for i in range(len(milestones) + 1)])
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=momentum, global_clipnorm=clip_norm)
    return keras.optimizers.Adam(learning_rate, beta_1=beta_1, epsilon=epsilon, global_clipnorm=clip_norm)
