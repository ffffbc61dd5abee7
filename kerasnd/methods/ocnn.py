"""OC-NN: the one-class SVM's hyperplane as the last layer of a network.

    y(x) = <w, g(V phi(x))>                             phi: encoder, its codes brought to one length; g: bounded activation

    paper     minimise over w, V, phi, r   1/2 ||w||^2 + 1/2 ||V||_F^2 + 1/nu mean_n max(0, r - y(x_n)) - r
              w, V, phi by gradient steps with r fixed; after each epoch r = the nu-quantile of y over the whole training set, which
              is its optimum for a fixed network (the derivative is #{y_n < r} / (nu N) - 1).
              score(x) = r - y(x)
    released  minimise over V, phi         1/nu mean_n [r^2 + sum_j max(0, (v_j(x_n) - c_j)^2 - r^2)],  v(x) = V phi(x), r = 0.1
              c: mean of v over the training set before the first step.  The code that was published: a soft-boundary Deep SVDD for
              each coordinate, without w.
              score(x) = ||v(x) - c||^2

g must be bounded: with a linear or ReLU one the paper's objective is homogeneous of degree 2 in (w, V, sqrt(r)), so that its
infimum is 0 with all weights zero, or minus infinity, never an interior minimum.
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.detector import Detector
from kerasnd.methods.autoencoder import squared_norm
from kerasnd.methods.deep_svdd import check_nu
from kerasnd.methods.hypersphere import FLOOR, away_from_zero
from kerasnd.networks import coders

ACTIVATIONS = {"sigmoid": tf.sigmoid, "tanh": tf.tanh}
OBJECTIVES = ("paper", "released")
RELEASED_R = 0.1


@keras.saving.register_keras_serializable(package="kerasnd")
class OCNN(Detector):
    """Scores an example by how far it lies behind the hyperplane.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        network: str, "auto" or a name of `kerasnd.networks.coders.NETWORKS`.
        latent_dim: int >= 1, units of the code; None: the network's own.
        preprocess: str, a kind of `Normalizer`; "auto": "gcn_l1" for images, "minmax" for tables.
        encoder: Keras model instead of a built one.
        hidden_units: int >= 1, rows of V.
        activation: "sigmoid" or "tanh", the g of the paper's objective.
        objective: "paper" or "released".
        nu: float in (0, 1], share of training examples behind the hyperplane.
        weight_decay: float >= 0, lambda of a penalty lambda / 2 on all weights, the encoder's too.

    Source: Chalapathy, Menon and Chawla (2018).
    """

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None, hidden_units=32,
                 activation="sigmoid", objective="paper", nu=0.1, weight_decay=0.0):
        arguments.choice("objective", objective, OBJECTIVES)
        arguments.choice("activation", activation, ACTIVATIONS, remedy="With an unbounded one the objective has no minimum.")
        check_nu(nu)
        arguments.whole("hidden_units", hidden_units, at_least=1)
        arguments.number("weight_decay", weight_decay, at_least=0)
        shape, encoder, _ = coders.choose(example_shape, network, latent_dim, encoder)
        super().__init__(shape, preprocess)
        self.example_shape, self.network, self.latent_dim, self.preprocess = shape, network, latent_dim, preprocess
        self.encoder, self.hidden_units, self.activation = encoder, hidden_units, activation
        self.objective, self.nu, self.weight_decay = objective, nu, weight_decay
        self.hidden = keras.layers.Dense(hidden_units, use_bias=False, name="V")
        self.hidden.build((None, encoder.output_shape[-1]))
        if objective == "paper":
            self.normal_vector = self.add_weight(shape=(hidden_units,),
                                                 initializer=keras.initializers.Constant(hidden_units ** -0.5), name="w")
            self.threshold = self.add_weight(shape=(), initializer="zeros", trainable=False, name="r")
        else:
            self.center = self.add_weight(shape=(hidden_units,), initializer="zeros", trainable=False, name="center")

    @property
    def offset(self):
        """r of the paper's objective."""
        return self.threshold.numpy() if self.objective == "paper" else 0.0

    def features(self, x, training=False):
        """float32 (b, hidden_units), V phi(x) of raw examples.

        Differs: for the paper's objective each code is brought to the length sqrt(latent_dim). A hyperplane has one side: without
        a fixed length the examples that are far from the origin in any direction with a share along w count as normal, and the
        training drives the length up (AUROC on digits fell below 0.5).
        """
        code = tf.cast(self.encoder(self.normalizer(x), training=training), tf.float32)
        if self.objective == "paper":
            code *= tf.math.rsqrt(tf.reduce_mean(tf.square(code), axis=1, keepdims=True) + 1e-6)
        return tf.cast(self.hidden(code), tf.float32)

    def margin(self, x, training=False):
        """float32 (b,), y(x): high for normal examples."""
        return tf.linalg.matvec(ACTIVATIONS[self.activation](self.features(x, training)), self.normal_vector.value)

    def call(self, x, training=False):
        if self.objective == "paper":
            return self.threshold - self.margin(x, training)     # negated: the paper scores normality
        return squared_norm(self.features(x, training) - self.center)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            if self.objective == "paper":
                hinge = tf.reduce_mean(tf.nn.relu(self.threshold - self.margin(data[0], training=True)))
                squares = tf.reduce_sum(self.normal_vector.value ** 2) + tf.reduce_sum(self.hidden.kernel.value ** 2)
                loss = squares / 2 + hinge / self.nu - self.threshold
            else:
                excess = tf.nn.relu((self.features(data[0], training=True) - self.center) ** 2 - RELEASED_R ** 2)
                loss = (RELEASED_R ** 2 + tf.reduce_mean(tf.reduce_sum(excess, axis=1))) / self.nu
        self.descend(tape, loss)
        return self.logs()

    def start(self, feed):
        if self.objective == "released":
            self.center.assign(away_from_zero(self.over(feed, self.features).mean(axis=0), FLOOR))
        else:
            self.fit_threshold(feed)

    def on_epoch_end(self, epoch):
        if self.objective == "paper":
            self.fit_threshold(self.feed)

    def fit_threshold(self, feed):
        """r at its optimum: the nu-quantile of y over the whole training set."""
        self.threshold.assign(np.quantile(self.over(feed, self.margin), self.nu))
