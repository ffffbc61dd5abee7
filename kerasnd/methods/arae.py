"""ARAE: an autoencoder whose code must survive attacks; what it redraws as something normal is strange.

    minimise over E, D   mean_pixels (D(E(x')) - x)^2  +  gamma mean_units (E(x) - E(x'))^2
    x' = the change of x, within an attack's bounds, that moves the code farthest: mean_units (E(x') - E(x))^2, with E fixed
    score(x) = ||x - D(E(x))||^2

    linf   one attack, by the encoder as it was at the beginning of the epoch; sigmoids; gamma = 0.1
    union  three attacks on every batch, all three changes learnt from; ReLUs; gamma = 0.2
"""
import math

import keras
import tensorflow as tf

from kerasnd import arguments, attacks
from kerasnd.errors import Misuse
from kerasnd.methods.autoencoder import Autoencoder
from kerasnd.methods.chance import Chance

# Source: Salehi et al. (2021), code. steps_per_eps: the step size is that times eps / steps.
PRESETS = {
    "linf": {"attacks": ("linf",), "latent_weight": 0.1, "refresh": "epoch", "steps_per_eps": 2.5},
    "union": {"attacks": ("l2", "linf", "spatial"), "latent_weight": 0.2, "refresh": "batch", "steps_per_eps": 2.0},
}
REFRESH = ("epoch", "batch")
EPS, STEPS = 0.2, 40
L2_STEPS = 100


@keras.saving.register_keras_serializable(package="kerasnd")
class ARAE(Chance, Autoencoder):
    """Scores an example by its squared reconstruction error, after a training under attacks.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        preset: "linf" or "union"; tables, which cannot be turned, have union without its rotations and shifts.
        network: str, a name of `kerasnd.networks.coders.NETWORKS`; "auto": the preset's dense one for tables and grey images of
            up to 32x32 pixels, arae_conv for all others.
        latent_dim: int >= 1, units of the code; None: the network's own, 128.
        preprocess: str, a kind of `Normalizer` that leads into [0, 1]; "auto": "unit" for images, "minmax" for tables.
        encoder, decoder: Keras models instead of built ones; they see and give normalised examples.
        eps: float >= 0, bound of the linf attack, in units of the normalised values.
        attack_steps: int >= 1, of the linf attack.
        l2_eps: float >= 0, bound of union's l2 attack; None: 25 eps sqrt(values / 784), the published 5 for eps = 0.2 and 28x28.
        latent_weight: float >= 0, gamma; None: the preset's.
        refresh: "epoch" or "batch", which encoder is attacked: that of the epoch's beginning, or the present one; None: the
            preset's.
        carry_attack_gradient: bool, what the published union code does by an omission: the encoder's gradient of the last attack's
            objective is added, so that the code is held still against linf sixteen times as strongly as against the others.

    Source: Salehi et al. (2021). Differs: the attacked encoder of an epoch meets every batch in its turn, not the whole set at
    once, which is the same for each example; examples left over by an epoch's last full batch are neither attacked nor learnt
    from.
    """

    def __init__(self, example_shape=None, preset="linf", network="auto", latent_dim=None, preprocess="auto", encoder=None,
                 decoder=None, eps=EPS, attack_steps=STEPS, l2_eps=None, latent_weight=None, refresh=None,
                 carry_attack_gradient=False):
        arguments.choice("preset", preset, PRESETS)
        for name, value in (("eps", eps), ("l2_eps", l2_eps), ("latent_weight", latent_weight)):
            if value is not None or name == "eps":
                arguments.number(name, value, at_least=0)
        arguments.whole("attack_steps", attack_steps, at_least=1)
        arguments.switch("carry_attack_gradient", carry_attack_gradient)
        if refresh is not None:
            arguments.choice("refresh", refresh, REFRESH)
        built = choose_network(preset, network, example_shape) if encoder is None else network
        super().__init__(example_shape, built, latent_dim, preprocess, encoder, decoder)
        if self.normalizer.scaling not in ("unit", "minmax"):
            raise Misuse("`preprocess` must be one that leads into [0, 1], where the attacks stay. Received: "
                         f"preprocess={self.normalizer.kind}. Use auto, unit or minmax.")
        self.preset, self.network, self.eps, self.attack_steps, self.l2_eps = preset, network, eps, attack_steps, l2_eps
        self.latent_weight, self.refresh, self.carry_attack_gradient = latent_weight, refresh, carry_attack_gradient
        self.gamma = PRESETS[preset]["latent_weight"] if latent_weight is None else latent_weight
        self.by_batch = (refresh or PRESETS[preset]["refresh"]) == "batch"
        self.attacks = [name for name in PRESETS[preset]["attacks"] if name != "spatial" or len(self.example_shape) == 3]
        if carry_attack_gradient and (preset != "union" or not self.by_batch):
            raise Misuse("`carry_attack_gradient` must go with preset=union and refresh=batch, whose published code leaves a "
                         f"gradient over. Received: preset={preset}, refresh={refresh}.")
        self._attacked = []     # weights of the encoder at the beginning of an epoch, in no file: each epoch copies them anew
        self.seed_noise()

    # ---- the attacks ------------------------------------------------------------------------------------------------

    def ready(self, feed):
        if not self.by_batch and not self._attacked:
            with self.distribute_strategy.scope():
                self._attacked.extend(tf.Variable(w, trainable=False) for w in self.encoder.weights)

    def on_epoch_begin(self, epoch):
        for kept, weight in zip(self._attacked, self.encoder.weights):
            kept.assign(weight)

    def victim(self, x):
        """float32 (b, latent_dim), the codes that an attack sees, of normalised examples."""
        if self.by_batch:
            return tf.cast(self.encoder(x, training=False), tf.float32)
        values = {id(w): tf.convert_to_tensor(kept) for w, kept in zip(self.encoder.weights, self._attacked)}
        # Variables that are no weights, as the state of a layer that draws, stay as they are: nothing is drawn here.
        trainable, fixed = ([values.get(id(v), v) for v in kind] for kind in (
            self.encoder.trainable_variables, self.encoder.non_trainable_variables))
        return tf.cast(self.encoder.stateless_call(trainable, fixed, x, training=False)[0], tf.float32)

    def changed(self, x):
        """The changes of normalised examples by every attack of the preset.

        Returns:
            ([float32 (b, ...)] as long as the attacks, float32 (b, ...) where the linf attack last took a gradient, if that is
            carried).
        """
        objective, found, last = attacks.code_distance(self.victim, x), [], x
        for stream, name in enumerate(self.attacks):
            if name == "spatial":
                found.append(attacks.spatial(objective, x))
            elif name == "l2":
                start = x + 0.5 * self.uniform(x, stream)
                found.append(attacks.l2(objective, x, self.l2_bound, L2_STEPS, self.l2_bound / 50 or None, start=start))
            else:
                size = PRESETS[self.preset]["steps_per_eps"] * self.eps / self.attack_steps
                onward = {"step_size": size, "keep_overshoot": self.preset == "linf"} if size else {}
                last, steps = x + self.eps * self.uniform(x, stream), self.attack_steps
                if self.carry_attack_gradient:      # in two parts, between which an overshoot is lost; union keeps none
                    last, steps = attacks.linf(objective, x, self.eps, steps - 1, start=last, **onward), 1
                found.append(attacks.linf(objective, x, self.eps, steps, start=last, **onward))
        return found, last

    @property
    def l2_bound(self):
        """float, eps of the l2 attack."""
        return 25 * self.eps * math.sqrt(math.prod(self.example_shape) / 784) if self.l2_eps is None else self.l2_eps

    def uniform(self, x, stream):
        """float32 of the shape of x, in [-1, 1]."""
        return 2 * self.chance([tf.shape(x)[0], *x.shape[1:]], stream, tf.random.stateless_uniform) - 1

    # ---- the algorithm box ------------------------------------------------------------------------------------------

    def train_step(self, data):
        x = self.normalizer(data[0])
        found, last = self.changed(x)
        k = len(found)
        with tf.GradientTape() as tape:
            code = self.encoder(x, training=True)
            moved = self.encoder(tf.concat(found, 0), training=True)
            redrawn = self.decoder(moved, training=True)
            loss = mean_square(redrawn, tf.tile(x, [k] + [1] * (x.shape.rank - 1)))
            loss += self.gamma * mean_square(moved, tf.tile(code, (k, 1)))
            if self.carry_attack_gradient:
                loss += mean_square(self.encoder(last, training=True), code)
        self.descend(tape, loss)
        return self.logs()


def mean_square(a, b):
    """float32 scalar, the mean squared difference of all values."""
    return tf.reduce_mean(tf.square(tf.cast(a, tf.float32) - tf.cast(b, tf.float32)))


def choose_network(preset, network, example_shape):
    """str, the network that "auto" stands for."""
    if network != "auto" or example_shape is None:
        return network
    arguments.shape("example_shape", example_shape)
    dense = len(example_shape) == 1 or (example_shape[-1] == 1 and max(example_shape[:2]) <= 32)
    return f"arae_{preset}" if dense else "arae_conv"
