"""Score-based generation without its network: what a score, the gradient of ln p_t(x), is trained by and used for.

    sdes         vp, subvp, ve: how data turn into noise
    matching     the loss that trains a score
    samplers     new examples from noise
    likelihood   the density of an example

A score is any function of examples (b, ...) and times (b,) with one vector for each example, (b, ...). All is made of TensorFlow's
own operations, so that it runs in a `tf.function`; random numbers depend on a seed and an example's number alone.
"""
from kerasnd.diffusion.likelihood import log_density
from kerasnd.diffusion.matching import WEIGHTINGS, denoising_loss, training_times
from kerasnd.diffusion.samplers import SAMPLERS, SPACINGS, denoised, sample
from kerasnd.diffusion.sdes import SDES, make

__all__ = ["SAMPLERS", "SDES", "SPACINGS", "WEIGHTINGS", "denoised", "denoising_loss", "log_density", "make", "sample",
           "training_times"]
