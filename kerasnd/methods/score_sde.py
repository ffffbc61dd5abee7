"""Score-based generative model of a stochastic differential equation: what its denoiser cannot tell from noise is strange.

    dx = f(x, t) dt + g(t) dw                     data at t = 0 becomes noise at t = 1 (see `kerasnd.diffusion.sdes`)
    x_t = a(t) x + s(t) z,  z ~ N(0, I)           what an example has become by then
    minimise over theta  mean_n l(x_n, t_n, z_n), t_n uniform
        l = mean over values of (e(x_t, t) - z)^2         weighting "sigma";  the score is -e(x_t, t) / s(t)
        l = (g(t) / s(t))^2 times that                    weighting "likelihood"; "importance" draws t so that the factor is
                                                          the same for all
    the weights that draw and score are an exponential moving average of theta

    score(x)  denoising    mean over levels t_k of (d_k(x) - m_k) / v_k,  d_k(x) = |e(x_t, t_k) - z_k|^2 at the same noise z_k for
                           every example, m_k and v_k the mean and the deviation of d_k over the training examples
              likelihood   - ln p(x), by the ordinary differential equation that has the same marginals

Examples are drawn by solving the reverse equation from noise (see `kerasnd.diffusion.samplers`).
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.detector import Detector
from kerasnd.diffusion import likelihood, matching, samplers, sdes
from kerasnd.diffusion.sde import along
from kerasnd.errors import Misuse
from kerasnd.methods.chance import Chance
from kerasnd.methods.snapshots import Snapshots
from kerasnd.networks import denoisers

SCORES = ("denoising", "likelihood")
# How slowly the averaged weights follow, at most. Source: Song et al. (2021), code.
AVERAGES = {"vp": 0.9999, "subvp": 0.9999, "ve": 0.999}
TIMES = {"vp": "sinusoidal", "subvp": "sinusoidal", "ve": "fourier"}      # how a network is told of the time
SAMPLER = {"vp": "euler_maruyama", "subvp": "euler_maruyama", "ve": "predictor_corrector"}
SPACING = {"vp": "quadratic", "subvp": "quadratic", "ve": "published"}     # of fewer steps than some three hundred
LEVELS = (0.05, 0.6)        # t of the first and of the last level of the score; chosen on digits
FARTHEST = 1e4              # normalised values beyond count as this
BLOCK = 64                  # examples that are drawn together: their noise is one draw


@keras.saving.register_keras_serializable(package="kerasnd")
class ScoreSDE(Snapshots, Chance, Detector):
    """Draws examples like the normal ones, and scores by how badly their noise is told from them.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `denoiser` tells it.
        sde: "vp", "subvp" or "ve".
        width: int >= 4, even, channels of the first level of the U-Net, units of the dense network of tables; None: 32, 128.
        multipliers: list of int, width of each level by `width`; each further level halves the sides. None: by the shape.
        blocks: int >= 1, residual blocks a level.
        dropout: float in [0, 1).
        denoiser: Keras model from [noisy example, condition (n,)] to the noise in it, instead of a built one; it sees examples in
            [-1, 1] and 999 t, for "ve" (2 x - 1 of noisy ones in [0, 1]) and ln s(t).
        weighting: "sigma", "likelihood" or "importance", of the loss.
        average: float in [0, 1), how slowly the averaged weights follow, at most; None: the published one of the equation.
        flip: bool, mirror every other training image.
        sampler: a name of `samplers.SAMPLERS`; None: the published one of the equation.
        sampling_steps: int >= 2, of the sampler.
        spacing: a name of `samplers.SPACINGS`; None: "quadratic", which draws well in few steps, for "ve" "published", which needs
            a thousand for the others.
        score_by: "denoising" or "likelihood".
        levels: int >= 1, noise levels of the score "denoising".
        likelihood_steps: int >= 1, of the integration for the score "likelihood".
        snapshot_every: int >= 0, epochs between two snapshots (see `Snapshots`); 0: none.
        snapshot_size: int >= 2, examples that are drawn for one.
        features: "pixels", or the path of a Keras model from images in [0, 1] to features, in whose space the distance is taken.
        target_distance: float > 0: the training ends with the first snapshot below it; None: with the last epoch.
        preprocess: str, a kind of `Normalizer` that leads into [0, 1]; "auto": "unit" for images, "minmax" for tables.

    Source: Song et al. (2021), Score-Based Generative Modeling through SDEs. The score "denoising" is ours, after the use of
    denoising errors at several levels for out-of-distribution detection (Graham et al. 2023).
    """

    IMAGE_PREPROCESS = "unit"
    starts_alike = True         # a new network sees no noise at all, whatever its weights

    def __init__(self, example_shape=None, sde="vp", width=None, multipliers=None, blocks=1, dropout=0.1, denoiser=None,
                 weighting="sigma", average=None, flip=False, sampler=None, sampling_steps=100, spacing=None, score_by="denoising",
                 levels=8, likelihood_steps=50, snapshot_every=0, snapshot_size=256, features="pixels", target_distance=None,
                 preprocess="auto"):
        arguments.choice("sde", sde, sdes.SDES)
        arguments.choice("weighting", weighting, matching.WEIGHTINGS)
        arguments.choice("score_by", score_by, SCORES)
        arguments.switch("flip", flip)
        for name, value, least in (("levels", levels, 1), ("likelihood_steps", likelihood_steps, 2)):
            arguments.whole(name, value, at_least=least)
        if average is not None:
            arguments.number("average", average, at_least=0, below=1)
        samplers.check(sdes.make(sde), sampler or SAMPLER[sde], sampling_steps, spacing=spacing or SPACING[sde])
        shape, network = denoisers.choose(example_shape, denoiser, width, multipliers, blocks, dropout, TIMES[sde])
        super().__init__(shape, preprocess)
        if self.normalizer.scaling not in ("unit", "minmax"):
            raise Misuse(f"`preprocess` must be one that leads into [0, 1]. Received: preprocess={preprocess}. Use auto, unit or "
                         "minmax.")
        if flip and len(shape) == 1:
            raise Misuse(f"`flip` must be false for tables: it mirrors images. Received: flip={flip}.")
        self.example_shape, self.preprocess, self.sde, self.width, self.multipliers = shape, preprocess, sde, width, multipliers
        self.blocks, self.dropout, self.weighting, self.average, self.flip = blocks, dropout, weighting, average, flip
        self.sampler, self.sampling_steps, self.spacing = sampler, sampling_steps, spacing
        self.score_by, self.levels = score_by, levels
        self.likelihood_steps = likelihood_steps
        self.denoiser, self.network, self.averaged = denoiser, network, keras.models.clone_model(network)
        self.averaged.set_weights(network.get_weights())
        self.averaged.trainable = False
        self.level_mean = self.add_weight(shape=(levels,), initializer="zeros", trainable=False, name="level_mean")
        self.level_deviation = self.add_weight(shape=(levels,), initializer="ones", trainable=False, name="level_deviation")
        self.equation = sdes.make(sde)
        self.seed_noise()
        self.keep_snapshots(snapshot_every, snapshot_size, features, target_distance)

    # ---- the score of a density, and its network --------------------------------------------------------------------

    def noise_in(self, x, t, network, training=False):
        """float32 (b, ...), the noise e(x_t, t) that a network sees in examples in the equation's space.

        Args:
            x: float32 (b, ...).
            t: float32 (b,), in (0, 1].
            network: `self.network` or `self.averaged`.
        """
        if self.sde == "ve":
            return tf.cast(network([2 * x - 1, tf.math.log(self.equation.deviation(t))], training=training), tf.float32)
        return tf.cast(network([x, 999 * t], training=training), tf.float32)

    def density_gradient(self, x, t):
        """float32 (b, ...), the gradient of ln p_t at examples in the equation's space, by the averaged weights."""
        return -self.noise_in(x, t, self.averaged) / along(self.equation.deviation(t), x)

    def centred(self, x):
        """float32 (b, ...), raw examples in the equation's space: [-1, 1], or [0, 1] for "ve"."""
        x = tf.clip_by_value(self.normalizer(x), -FARTHEST, FARTHEST)
        return x if self.sde == "ve" else 2 * x - 1

    def uncentred(self, x):
        """float32 (b, ...) in [0, 1], normalised examples."""
        return tf.clip_by_value(x if self.sde == "ve" else (x + 1) / 2, 0.0, 1.0)

    # ---- the algorithm box ------------------------------------------------------------------------------------------

    def train_step(self, data):
        x = self.centred(data[0])
        n = tf.shape(x)[0]
        if self.flip:
            x = self.mirrored(x)
        t = matching.training_times(self.equation, self.chance((n,), 0, tf.random.stateless_uniform), self.weighting)
        z = self.chance((n, *self.example_shape), 1)
        with tf.GradientTape() as tape:
            def score(x, t):
                return -self.noise_in(x, t, self.network, training=True) / along(self.equation.deviation(t), x)
            loss = tf.reduce_mean(matching.denoising_loss(self.equation, score, x, t, z, self.weighting))
        self.descend(tape, loss)
        self.follow()
        return self.logs()

    def mirrored(self, x):
        """float32 (b, ...), every image or its mirror image, by chance."""
        turned = self.chance((tf.shape(x)[0], 1, 1, 1), 2, tf.random.stateless_uniform) < 0.5
        return tf.where(turned, tf.reverse(x, [2]), x)

    def follow(self):
        """Moves the averaged weights a step towards the trained ones, faster in the beginning."""
        n = tf.cast(self.optimizer.iterations, tf.float32)
        keep = tf.minimum(AVERAGES[self.sde] if self.average is None else self.average, (1 + n) / (10 + n))
        for mean, weight in zip(self.averaged.weights, self.network.weights):
            if "float" in weight.dtype:
                mean.assign(keep * mean + (1 - keep) * weight)

    def test_step(self, data):
        """The denoising error of held-out normals at the levels of the score."""
        x = data[0] if isinstance(data, (tuple, list)) else data
        self.meters["loss"].update_state(tf.reduce_mean(self.errors(x)))
        return {"loss": self.meters["loss"].result()}

    # ---- the score of an example ------------------------------------------------------------------------------------

    def start(self, feed):
        self.fit_levels(feed)       # of the untrained network, so that it scores

    def finish(self, feed):
        self.fit_levels(feed)

    def fit_levels(self, feed):
        """Takes mean and deviation of the denoising errors of the training examples, but for known anomalies."""
        if self.score_by != "denoising":
            return
        errors, hint = self.over(feed, self.errors, hints=True)
        errors = errors[hint >= 0].astype(np.float64)
        self.level_mean.assign(errors.mean(axis=0))
        deviation = errors.std(axis=0)
        self.level_deviation.assign(np.where(deviation > 0, deviation, 1))

    def errors(self, x):
        """float32 (b, levels), the denoising errors of raw examples, each the mean over values."""
        x = self.centred(x)
        n, at = tf.shape(x)[0], tf.linspace(*(LEVELS if self.levels > 1 else (sum(LEVELS) / 2,) * 2), self.levels)
        at = tf.cast(at, tf.float32)
        found = tf.TensorArray(tf.float32, self.levels, element_shape=(None,))

        def one(k, found):
            t = tf.fill((n,), at[k])
            # the same noise for every example, so that its score depends on nobody beside it
            z = tf.random.stateless_normal((1, *self.example_shape), tf.stack([k, 0]))
            wrong = tf.square(self.noise_in(self.equation.perturbed(x, t, z), t, self.averaged) - z)
            return k + 1, found.write(k, tf.reduce_mean(wrong, axis=list(range(1, x.shape.rank))))
        found = tf.while_loop(lambda k, _: k < self.levels, one, (0, found), parallel_iterations=1)[1]
        return tf.ensure_shape(tf.transpose(found.stack()), (None, self.levels))

    def call(self, x, training=False):
        if self.score_by == "likelihood":
            x = self.centred(x)
            return -likelihood.log_density(self.equation, self.density_gradient, x, self.likelihood_steps, first=None)
        return tf.reduce_mean((self.errors(x) - self.level_mean) / self.level_deviation, axis=1)

    # ---- drawing ----------------------------------------------------------------------------------------------------

    def sample(self, n, seed=0):
        """New examples, drawn from noise.

        Args:
            n: int >= 1, how many.
            seed: int >= 0; the first examples of a seed are the same whatever n.

        Returns:
            float32 (n, ...), in the raw range.

        Raises:
            Misuse: a number out of its range.
        """
        return np.concatenate(list(self.samples(n, seed)))

    def samples(self, n, seed=0):
        """Yields what `sample` returns, in batches."""
        arguments.whole("n", n, at_least=1)
        arguments.whole("seed", seed, at_least=0)
        draw = self._compiled.setdefault("drawn", tf.function(self.drawn, reduce_retracing=True))
        for first in range(0, n, BLOCK):
            # predictor_corrector looks at all that are drawn together
            yield draw(tf.constant(seed % 2 ** 31), tf.constant(first)).numpy()[:n - first]

    def drawn(self, seed, first):
        """float32 (BLOCK, ...), raw examples."""
        x = samplers.sample(self.equation, self.density_gradient, (BLOCK, *self.example_shape), self.sampling_steps,
                            self.sampler or SAMPLER[self.sde], seed, spacing=self.spacing or SPACING[self.sde], first=first)
        return self.normalizer.undone(self.uncentred(x))
