"""GPND: an autoencoder with an adversary on its codes and one on what it draws from noise; what is improbable is strange.

    z ~ N(0, I);  E encoder, D decoder, D_x critic of images, D_z critic of codes; one step of each on every batch, in this order:
    1  D_x      minimise  bce(D_x(x), 1) + bce(D_x(D(z)), 0)
    2  D        minimise  bce(D_x(D(z)), 1)
    3  D_z      minimise  w_z (bce(D_z(z), 1) + bce(D_z(E(x)), 0))
    4  E and D  minimise  w_E bce(D_z(E(x)), 1) + w_R bce(D(E(x)), x)
    score(x) = -ln p(x), see `tangent_density`
"""
import keras
import tensorflow as tf

from kerasnd import arguments, jacobians
from kerasnd.errors import Misuse
from kerasnd.methods.autoencoder import Autoencoder
from kerasnd.methods.sampling import Sampling
from kerasnd.methods.tangent_density import SCORES, TangentDensity, share_of
from kerasnd.methods.vae import Noisy
from kerasnd.networks import coders, given, pidhorskyi, variational

# Weights of the losses, exponent, Jacobian. Source: the code of December 2020, that of January 2020, and the paper's section 6.3.
PRESETS = {
    "head": {"reconstruction_weight": 2.0, "encoder_weight": 1.0, "code_critic_weight": 1.0, "power": 0.2, "jacobian": "encoder"},
    "gold": {"reconstruction_weight": 1.0, "encoder_weight": 2.0, "code_critic_weight": 1.0, "power": 0.25, "jacobian": "encoder"},
    "paper": {"reconstruction_weight": 2.0, "encoder_weight": 1.0, "code_critic_weight": 2.0, "power": 1.0, "jacobian": "decoder"},
}


@keras.saving.register_keras_serializable(package="kerasnd")
class GPND(Sampling, TangentDensity, Noisy):
    """Scores an example by how improbable it is under an adversarial autoencoder.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        preset: "head", "gold" or "paper": what the arguments below that are None stand for.
        latent_dim: int >= 1, units of the code; None: 16 for grey images, 32 for colour, for tables as the other methods.
        preprocess: str, a kind of `Normalizer` that leads into [0, 1]; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model from normalised examples to codes instead of a built one.
        decoder: Keras model from codes to LOGITS of normalised examples, to be given with an own `encoder`.
        score_by: "density", "parallel" (tangent and Jacobian), "latent" (tangent alone) or "residual".
        jacobian: "encoder" or "decoder", whose derivatives give the Jacobian's term.
        power: float in (0, 1], share of the residual's dimensions that count, since neighbouring pixels are not independent; the
            paper's formula has 1. None: the preset's, for fewer than 32x32 values more (see `share_of`).
        marginals: "generalised_normal" or "histogram", of the units of the code.
        tail: "clamp": a residual beyond the largest of the training has its density; "cliff": it has 1e-308.
        reconstruction_weight, encoder_weight, code_critic_weight: floats > 0, w_R, w_E and w_z.
        image_critic: bool; False leaves D_x and steps 1 and 2 out: the adversarial autoencoder of the paper's table 5, P-AAE.

    Source: Pidhorskyi, Almohsen and Doretto (2018). Differs: its newest code has the encoder's Jacobian with the decoder's sign, a
    mistake that its author's earlier answers and code contradict; the sign here is that of the formula. Its residuals beyond
    the largest of the training fall off a cliff (`tail`). The surface of the sphere is the exact one, a constant apart.
    """

    def __init__(self, example_shape=None, preset="head", latent_dim=None, preprocess="auto", encoder=None, decoder=None,
                 score_by="density", jacobian=None, power=None, marginals="generalised_normal", tail="clamp",
                 reconstruction_weight=None, encoder_weight=None, code_critic_weight=None, image_critic=True):
        arguments.choice("preset", preset, PRESETS)
        arguments.switch("image_critic", image_critic)
        for name, value in (("reconstruction_weight", reconstruction_weight), ("encoder_weight", encoder_weight),
                            ("code_critic_weight", code_critic_weight)):
            if value is not None:
                arguments.number(name, value, above=0)
        arguments.choice("score_by", score_by, SCORES)
        shape, encoder, decoder = networks(example_shape, latent_dim, encoder, decoder)
        super().__init__(shape, preprocess)
        self.example_shape, self.preset, self.latent_dim, self.preprocess = shape, preset, latent_dim, preprocess
        self.encoder, self.decoder, self.score_by, self.jacobian, self.power = encoder, decoder, score_by, jacobian, power
        self.marginals, self.tail, self.image_critic = marginals, tail, image_critic
        self.reconstruction_weight, self.encoder_weight = reconstruction_weight, encoder_weight
        self.code_critic_weight = code_critic_weight
        self._chosen = {name: preset_s if getattr(self, name) is None else getattr(self, name)
                        for name, preset_s in PRESETS[preset].items()}
        units = encoder.output_shape[-1]
        if power is None:
            self._chosen["power"] = share_of(self._chosen["power"], shape)
        self.critic_of_codes = pidhorskyi.code_critic(units)
        self.critic_of_images = image_critic_for(shape) if image_critic else None
        self.keep_density(units, SCORES[score_by], self._chosen["jacobian"], self._chosen["power"], marginals, tail)

    @property
    def players(self):
        images = {"image_critic": self.critic_of_images.trainable_variables, "decoder": self.decoder.trainable_variables
                  } if self.image_critic else {}
        return {**images, "code_critic": self.critic_of_codes.trainable_variables,
                "autoencoder": self.encoder.trainable_variables + self.decoder.trainable_variables}

    # ---- what it draws ----------------------------------------------------------------------------------------------

    def logits(self, code, training=False):
        """float32 (b, ...), logits of normalised examples, from codes."""
        return tf.cast(self.decoder(code, training=training), tf.float32)

    def redraw_code(self, code):
        """float32 (b, ...) in [0, 1], normalised examples from codes."""
        return tf.sigmoid(self.logits(code))

    def code_and_change(self, x):
        return jacobians.of_encoder(self.encoder, x)        # the model itself, which they know how to take apart

    def redrawn_and_change(self, code):
        return jacobians.of_decoder(self.decoder, code, sigmoid=True)

    def redraw(self, x):
        """float32 (b, ...) in [0, 1], the reconstruction of normalised examples."""
        return self.redraw_code(self.code(x))

    reconstruct = Autoencoder.reconstruct       # of raw examples, by `redraw`

    def call(self, x, training=False):
        return self.density_score(x)

    # ---- the algorithm box ------------------------------------------------------------------------------------------

    def start(self, feed):
        self.fit_density(feed)      # of the untrained networks, so that they score

    def finish(self, feed):
        self.fit_density(feed)

    def train_step(self, data):
        x = self.normalizer(data[0])
        drawn = [self.noise(tf.shape(x)[0], self._units, stream) for stream in range(3)]
        if self.image_critic:
            fake = tf.sigmoid(self.logits(drawn[0], training=True))
            with tf.GradientTape() as tape:
                loss = to_one(self.critic_of_images(x, training=True)) + to_zero(self.critic_of_images(fake, training=True))
            self.descend(tape, loss, "image_critic")
            with tf.GradientTape() as tape:
                fake = tf.sigmoid(self.logits(drawn[1], training=True))
                loss = to_one(self.critic_of_images(fake, training=True))
            self.descend(tape, loss, "decoder")
        with tf.GradientTape() as tape:
            code = self.code(x, training=True)      # for both steps: the first leaves the encoder alone
        with tf.GradientTape() as critics:
            given = self.critic_of_codes(tf.stop_gradient(code), training=True)
            loss = to_one(self.critic_of_codes(drawn[2], training=True)) + to_zero(given)
            loss *= self._chosen["code_critic_weight"]
        self.descend(critics, loss, "code_critic")
        with tape:
            loss = self._chosen["encoder_weight"] * to_one(self.critic_of_codes(code, training=True))
            loss += self._chosen["reconstruction_weight"] * cross_entropy(x, self.logits(code, training=True))
        self.descend(tape, loss, "autoencoder")
        return self.logs()

    def test_step(self, data):
        """The cross-entropy of held-out normals: the densities are fitted after the last epoch only."""
        x = self.normalizer(data[0] if isinstance(data, (tuple, list)) else data)
        self.meters["autoencoder"].update_state(cross_entropy(x, self.logits(self.code(x))))
        return {"loss": self.meters["autoencoder"].result()}


def networks(example_shape, latent_dim, encoder, decoder):
    """(shape, encoder, decoder): the user's networks where given, else built ones."""
    if (encoder is None) != (decoder is None):
        alone = "a decoder" if encoder is None else "an encoder"
        raise Misuse(f"`encoder` and `decoder` must be given together. Received: {alone} alone.")
    shape = given.shape_of(example_shape, encoder)
    if encoder is None:
        coders.check_latent_dim(latent_dim)
        if len(shape) == 3:
            # in the published step each batch passes twice, the same, and the moving statistics move twice by .1
            encoder = pidhorskyi.encoder(shape, latent_dim, momentum=0.9 ** 2)
            return shape, encoder, pidhorskyi.decoder(encoder.output_shape[-1], shape)
        hidden, units = coders.table_sizes(shape[0])
        units = latent_dim or units
        return shape, variational.coder(shape, hidden, units), variational.bernoulli(units, hidden, shape)
    given.model("decoder", decoder)
    units = encoder.output_shape[-1]
    if tuple(decoder.input_shape[1:]) != (units,) or tuple(decoder.output_shape[1:]) != shape or latent_dim not in (None, units):
        raise Misuse(f"`decoder` must map codes ({latent_dim or units},) to logits {shape}, as the encoder gives codes ({units},). "
                     f"Received: {tuple(decoder.input_shape[1:])} to {tuple(decoder.output_shape[1:])}.")
    return shape, encoder, decoder


def image_critic_for(shape):
    """Keras model, D_x of images, or of tables."""
    if len(shape) == 3:
        return pidhorskyi.image_critic(shape)
    return pidhorskyi.table_critic(shape, coders.table_sizes(shape[0])[0])


def to_one(logits):
    """float32 scalar, the mean cross-entropy of logits that should say yes."""
    return tf.reduce_mean(tf.nn.softplus(-tf.cast(logits, tf.float32)))


def to_zero(logits):
    """float32 scalar, the mean cross-entropy of logits that should say no."""
    return tf.reduce_mean(tf.nn.softplus(tf.cast(logits, tf.float32)))


def cross_entropy(x, logits):
    """float32 scalar, the mean over examples and values of the cross-entropy of grey values x, clipped into [0, 1]."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.clip_by_value(x, 0.0, 1.0), logits))
