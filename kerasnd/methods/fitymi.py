"""FITYMI: a network learns to tell normal examples from almost normal ones; what is then far from all normal ones is strange.

    f(x)      features, of a vision transformer its class token after the last norm
    minimise over theta   mean_n cross-entropy(y_n, W f(x_n) + c),   y = 0 normal, 1 negative
                          (+ weight_decay / 2 * ||theta||^2, through the gradient)
    score(x)  neighbours  sum over the k nearest normals x_i of ||f(x) - f(x_i)||^2
              softmax     the log-odds of a negative: ranks as its softmax probability, and does not end at 1

Negatives are the examples that are hinted as anomalous (--negatives, --hints); where there are none, what the generator of the
stage before draws; where there is none, changed normals (see `kerasnd.negatives`).
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments, feeding, negatives, neighbours
from kerasnd.detector import Detector
from kerasnd.errors import Misuse
from kerasnd.methods.chance import Chance
from kerasnd.neighbours import METRICS
from kerasnd.networks import features, vit

SCORES = ("neighbours", "softmax")
CHANGED = {**negatives.IMAGES, **negatives.TABLES}


@keras.saving.register_keras_serializable(package="kerasnd")
class FITYMI(Chance, Detector):
    """Scores an example by its distance to the nearest normal ones in the features of a network that saw near negatives.

    Args:
        example_shape: tuple of int, (height, width, channels) or (features,); None where `encoder` tells it.
        backbone: a name of `features.NAMES`: "auto" is a small network to be trained from scratch, by the shape; "vit_b16" the
            published one.
        pretrained: str, where its weights come from: the path of Google's .npz, "keras_hub:PRESET", or the path of a .keras file
            with a network of one's own, from images as `normalization` makes them to features; "": random ones.
        size: int >= 1, to which the shorter side is resized; None: 256 for "vit_b16" and "vit_ti16", else as it is.
        crop: int >= 1, the side of the square that is seen, a random one in training, else the middle; None: 224 for these two.
        normalization: "imagenet", "half" or "none", of values in [0, 1]; "auto": imagenet for pretrained colour, else none.
        flip: bool, mirror every other training image.
        encoder: Keras model from images as above to features, instead of `backbone`.
        freeze_blocks: int >= 0, so many of the first blocks of a transformer keep their weights; None: half of them with
            `pretrained`, else none. All but one, with `freeze_embeddings`: only the last block learns.
        freeze_embeddings: bool, the embeddings of a transformer keep their weights too.
        lora_rank: int >= 0; above 0 a transformer's blocks learn corrections of this rank to their attention, and nothing else.
        negatives: "auto", a name of `CHANGED`, or "known": only examples that are hinted as anomalous. "auto": cutpaste for images,
            shuffle for tables, where there are neither known ones nor a generator.
        score_by: "neighbours" or "softmax".
        neighbours: int >= 1, k.
        metric: "squared_euclidean" or "cosine", of the neighbours.
        dropout: float in [0, 1), of a transformer.
        weight_decay: float >= 0.
        preprocess: str, a kind of `Normalizer` that leads into [0, 1]; "auto": "unit" for images, "minmax" for tables.

    Source: Mirzaei et al. (2023), Fake It Till You Make It. Differs: negatives that are drawn or made join each batch, one for each
    normal, so that a batch has twice its size; known ones are shuffled among the normals, as published.
    """

    takes_hints = True
    IMAGE_PREPROCESS = "unit"

    def __init__(self, example_shape=None, backbone="auto", pretrained="", size=None, crop=None, normalization="auto", flip=True,
                 encoder=None, freeze_blocks=None, freeze_embeddings=False, lora_rank=0, negatives="auto", score_by="neighbours",
                 neighbours=2, metric="squared_euclidean", dropout=0.1, weight_decay=5e-5, preprocess="auto"):
        arguments.choice("score_by", score_by, SCORES)
        arguments.choice("metric", metric, METRICS)
        arguments.whole("neighbours", neighbours, at_least=1)
        arguments.number("weight_decay", weight_decay, at_least=0)
        shape, self.view, self.backbone_network = features.choose(
            example_shape, encoder, backbone, pretrained=pretrained, size=size, crop=crop, normalization=normalization,
            flip=flip, dropout=dropout, lora_rank=lora_rank, freeze_blocks=freeze_blocks, freeze_embeddings=freeze_embeddings)
        arguments.choice("negatives", negatives, ("auto", "known", *kinds_of(shape)))
        super().__init__(shape, preprocess)
        if self.normalizer.scaling not in ("unit", "minmax"):
            raise Misuse(f"`preprocess` must be one that leads into [0, 1]. Received: preprocess={preprocess}. Use auto, unit or "
                         "minmax.")
        self._alike = bool(pretrained)
        if pretrained.endswith(".keras"):       # a saved detector holds the network itself, and needs the file no more
            encoder, pretrained = self.backbone_network, ""
        self.example_shape, self.preprocess, self.backbone, self.pretrained = shape, preprocess, backbone, pretrained
        self.size, self.crop, self.normalization, self.flip, self.encoder = size, crop, normalization, flip, encoder
        self.freeze_blocks, self.freeze_embeddings, self.lora_rank = freeze_blocks, freeze_embeddings, lora_rank
        self.negatives, self.score_by, self.neighbours, self.metric = negatives, score_by, neighbours, metric
        self.dropout, self.weight_decay = dropout, weight_decay
        units = self.backbone_network.output_shape[-1]
        uniform = keras.initializers.RandomUniform(-units ** -0.5, units ** -0.5)
        self.head = keras.layers.Dense(2, kernel_initializer=uniform, bias_initializer=uniform, name="head", dtype="float32")
        self.head.build((None, units))
        self.bank = tf.Variable(tf.zeros((0, units)), shape=(None, units), trainable=False, name="bank")
        self._source = self._draw = self._drawn = None
        self.seed_noise()

    @property
    def starts_alike(self):
        """bool, every new detector of these arguments has the same features: they are a file's."""
        return self._alike

    # ---- what it sees -----------------------------------------------------------------------------------------------

    def feature(self, x, training=False, place=None):
        """float32 (b, units), f of normalised examples; in training of a random part of each, by `place` (see `View`)."""
        return tf.cast(self.backbone_network(self.view(x, place) if self.view is not None else x, training=training), tf.float32)

    def encode(self, x):
        return self.feature(self.normalizer(x))

    def coder(self):
        inputs = keras.Input(self.example_shape)
        return keras.Model(inputs, self.backbone_network(self.view(inputs) if self.view is not None else inputs))

    @property
    def attends(self):
        """bool, its network is a transformer: `attention` can be asked for."""
        return bool(vit.blocks(self.backbone_network))

    def attention(self, x):
        """float32 (b, height, width), how much of the features' attention each pixel of normalised images has: `vit.rollout`."""
        seen = x if self.view is None else self.view(x)
        shares = vit.spread(vit.rollout(self.backbone_network, seen), seen.shape[1:3])
        return shares if self.view is None else self.view.back(shares, x.shape[1:3])

    def log_odds(self, features):
        """float32 (b,), of a negative against a normal one."""
        logits = self.head(features)
        return logits[:, 1] - logits[:, 0]

    def call(self, x, training=False):
        features = self.encode(x)
        if self.score_by == "softmax":
            return self.log_odds(features)
        return neighbours.score(features, self.bank, self.neighbours, self.metric)

    # ---- its life ---------------------------------------------------------------------------------------------------

    def inherit(self, parent):
        """Learns from what the stage before draws: one example for each normal one.

        Raises:
            Misuse: it draws nothing.
        """
        if not hasattr(parent, "samples"):
            raise Misuse(f"the stage before fitymi must be a generator: score_sde, gpnd, vae. Received: {type(parent).__name__}. "
                         "Leave it out; a network to start from is `pretrained`.")
        if tuple(parent.normalizer.example_shape) != self.example_shape:
            raise Misuse(f"the generator must draw examples of shape {self.example_shape}. Received: "
                         f"{tuple(parent.normalizer.example_shape)}.")
        # in a function, where Keras does not look for layers: the generator is no part of this detector, nor of its file
        self._draw = lambda n: np.concatenate([parent.normalizer(batch) for batch in parent.samples(n)])

    def ready(self, feed):
        hint = feeding.hints(feed)
        self._source = "known" if (hint < 0).any() else self.negatives
        if self._source == "auto":
            self._source = "drawn" if self._draw is not None else next(iter(kinds_of(self.example_shape)))
        if self._source == "known" and not (hint < 0).any():
            raise Misuse("`negatives=known` needs examples that are hinted as anomalous. Received: none. Give --negatives=FILE or "
                         "--hints=FILE, or another `negatives`.")
        if self._source == "drawn" and self._drawn is None:
            self._drawn = tf.Variable(tf.zeros((int((hint >= 0).sum()), *self.example_shape)), trainable=False, name="drawn")
            self._drawn_yet = tf.Variable(False, trainable=False, name="drawn_yet")

    @property
    def resume_variables(self):
        return [] if self._drawn is None else [self._drawn, self._drawn_yet]

    def start(self, feed):
        if self.pretrained:
            features.load(self.backbone_network, self.pretrained)
        self.fill_bank(feed)

    def finish(self, feed):
        self.fill_bank(feed)
        self._drawn = self.train_function = None        # as large as the training set, and of no use to a score

    def fill_bank(self, feed):
        """Keeps the features of all normal examples, as they are judged."""
        features, hint = self.over(feed, self.encode, hints=True)
        if (hint >= 0).sum() < self.neighbours:
            raise Misuse(f"`neighbours` must be at most the number of normal examples. Received: neighbours={self.neighbours} and "
                         f"{int((hint >= 0).sum())} examples.")
        self.bank.assign(features[hint >= 0])

    def on_epoch_begin(self, epoch):
        if self._source == "drawn" and not self._drawn_yet.numpy():
            self._drawn.assign(self._draw(self._drawn.shape[0]))
            self._drawn_yet.assign(True)

    # ---- the algorithm box ------------------------------------------------------------------------------------------

    def train_step(self, data):
        x, negative = self.normalizer(data[0]), data[1] < 0
        place = self.places(x, 1)
        if self._source != "known":
            x, negative = self.with_negatives(x)
            place = tf.concat([place, self.places(data[0], 2)], axis=0)
        with tf.GradientTape() as tape:
            logits = self.head(self.feature(x, training=True, place=place))
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(negative, tf.int32), logits))
        self.descend(tape, loss)
        return self.logs()

    def places(self, x, stream):
        """float32 (b, 3) in [0, 1), which parts of training images are seen; `stream` tells draws of a step apart."""
        return self.chance((tf.shape(x)[0], 3), stream, tf.random.stateless_uniform)

    def with_negatives(self, x):
        """(examples (2b, ...), bool (2b,)): normalised ones, and as many negatives."""
        n = tf.shape(x)[0]
        uniform = self.chance((n, negatives.UNIFORM), 0, tf.random.stateless_uniform)
        if self._source == "drawn":
            made = tf.gather(self._drawn, tf.cast(uniform[:, 0] * self._drawn.shape[0], tf.int32))
        else:
            made = CHANGED[self._source](x, uniform)
        return tf.concat([x, made], axis=0), tf.repeat([False, True], n)

    def test_step(self, data):
        """The cross-entropy of held-out normals: the bank is filled after the last epoch only."""
        x = data[0] if isinstance(data, (tuple, list)) else data
        self.meters["loss"].update_state(tf.reduce_mean(tf.nn.softplus(self.log_odds(self.encode(x)))))
        return {"loss": self.meters["loss"].result()}

    # ---- the bank travels along -------------------------------------------------------------------------------------

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["bank"] = self.bank.numpy()

    def load_own_variables(self, store):
        self.bank.assign(np.asarray(store["bank"]))
        super().load_own_variables({name: store[name] for name in store.keys() if name != "bank"})


def kinds_of(shape):
    """{name: function}, what changes normal examples of a shape into negatives."""
    return negatives.TABLES if len(shape) == 1 else negatives.IMAGES
