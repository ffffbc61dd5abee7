"""Detectors that are solved for, in one piece, not descended to in steps."""
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments, feeding
from kerasnd.detector import Detector
from kerasnd.errors import Misuse
from kerasnd.networks import given


class SubsampleWarning(UserWarning):
    """A detector was fitted on fewer examples than it was given."""


class Fitted(Detector):
    """A detector whose `fit` looks at all training examples at once and keeps the arrays that its score needs.

    A subclass writes `solve`, which gives these arrays, and `call`, which scores by them inside the graph; both see
    `values`: normalised examples as rows, or their codes where the detector came after a stage with an encoder (a hybrid).

    Args:
        example_shape: tuple of int, of one raw example; None where `encoder` tells it.
        preprocess: str, as in `Detector`.
        encoder: Keras model from normalised examples to codes; None: the detector sees the normalised values themselves.
        max_examples: int >= 1, of more than that many a random part is taken, and said; None: all are taken.
    """

    IMAGE_PREPROCESS = "unit"
    AFTER_COLLAPSE = "Do the examples differ at all? Then take a wider kernel, with a smaller gamma."

    def __init__(self, example_shape, preprocess, encoder=None, max_examples=20_000):
        super().__init__(given.shape_of(example_shape, encoder), preprocess)
        if max_examples is not None:
            arguments.whole("max_examples", max_examples, at_least=1)
        self.example_shape, self.preprocess = self.normalizer.example_shape, preprocess
        self.encoder, self.max_examples = encoder, max_examples
        self.solution = {}      # {name: tf.Variable}; their shapes are known only once they are solved for

    players = {}                # nobody descends

    @property
    def most(self):
        """int, or None for any number: how many examples `solve` bears."""
        return self.max_examples

    @property
    def findings(self):
        """str, what was found, for the log: a chosen parameter, how many arrays; "" before `fit`."""
        return ""

    def solve(self, values, hint, rng, oracle=None):
        """Finds what the score needs.

        Args:
            values: float64 (n, d), of the training examples.
            hint: int8 (n,), all 0 where the method takes no hints.
            rng: numpy.random.Generator, the only source of chance.
            oracle: None, or (values float64 (m, d), label int8 (m,)) where the true labels of a part of the test set choose a
                parameter: only for a `selection` that is called "oracle".

        Returns:
            {name: array}, float64, float32 or int32.
        """
        raise NotImplementedError

    def compile(self, *args, **kwargs):
        """Takes what other detectors take, and needs none of it."""
        self.player_optimizers, self.meters = {}, {}
        self._steps_per_execution = 1

    def fit(self, x=None, y=None, *, batch_size=512, seed=None, oracle=None, **kwargs):
        """Learns what is normal, in one piece.

        Args:
            x, y: as in `Detector.fit`.
            batch_size: int, of the passes that gather the values.
            seed: int; None: from `keras.utils.set_random_seed`.
            oracle: None, or (x, label), see `solve`.
            **kwargs: of other detectors' `fit` (epochs, callbacks, verbose); nothing here depends on them.

        Returns:
            keras.callbacks.History, empty.

        Raises:
            Misuse: shapes or hints are wrong, or cannot be met by the method. BadData: a value is NaN or infinite.
        """
        self.refuse_weights(kwargs)
        if seed is None:
            seed = x.seed if isinstance(x, feeding.Feed) else int(keras.random.SeedGenerator().state.numpy()[0])
        feed = feeding.feed(x, y, batch_size, seed)
        feed = feed if self.takes_hints else feed.blind()
        self.check_shape(feed.example_shape)
        if not self.prepared.numpy():
            self.prepare(feed)
        rng = np.random.default_rng(seed)
        if isinstance(feed, feeding.Feed) and self.too_many(feed.n):
            feed = feed.part(self.subsample(feed.hint, rng))
        values, hint = self.over(feed, self.values, hints=True)
        if self.too_many(len(values)):      # a user's dataset, whose examples have no places: read whole, in whatever order
            chosen = self.subsample(hint, rng)
            values, hint = values[chosen], hint[chosen]
        if oracle is not None:
            x, truth = oracle
            judged = np.concatenate([self.values(tf.constant(x[i:i + 512])).numpy() for i in range(0, len(x), 512)])
            oracle = (judged.astype(np.float64), np.asarray(truth, np.int8))
        self.keep(self.solve(values.astype(np.float64), hint, rng, oracle))
        self.warn_of_collapse(feed)
        return keras.callbacks.History()

    def too_many(self, n):
        """bool, whether n examples are more than `solve` bears."""
        return self.most is not None and n > self.most

    def subsample(self, hint, rng):
        """int64 (about `most`,), ascending: all that are known, where they are at most half, else every kind in its share.

        It says so: a `SubsampleWarning`.
        """
        known = np.flatnonzero(hint)
        if 2 * len(known) <= self.most:
            chosen = [known, rng.permutation(np.flatnonzero(hint == 0))[:self.most - len(known)]]
        else:
            members = [np.flatnonzero(hint == kind) for kind in np.unique(hint)]
            chosen = [rng.permutation(each)[:max(1, round(self.most * len(each) / len(hint)))] for each in members]
        chosen = np.sort(np.concatenate(chosen))
        warnings.warn(f"{type(self).__name__} is fitted on a random part of {len(chosen)} of {len(hint)} examples "
                      "(`max_examples`).", SubsampleWarning, stacklevel=3)
        return chosen

    def keep(self, solution):
        """Replaces the arrays that the score reads."""
        self.solution = {name: tf.Variable(value, trainable=False, name=name) for name, value in solution.items()}
        self._compiled, self.predict_function = {}, None      # they hold the old ones

    def solved(self, name):
        """tf.Variable, one of the arrays that `solve` gave. Raises Misuse before `fit`."""
        if name not in self.solution:
            raise Misuse(f"a {type(self).__name__} must be fitted before it scores. Received: none of its arrays. Call `fit` "
                         "first.")
        return self.solution[name]

    def values(self, x):
        """float32 (b, d), what the detector sees of raw examples."""
        if self.encoder is not None:
            return self.encode(x)
        x = self.normalizer(x)
        return tf.reshape(x, (tf.shape(x)[0], int(np.prod(self.normalizer.example_shape))))

    def inherit(self, parent):
        """Works on the codes of an earlier stage, those that its `encode` gives, and takes its preprocessing."""
        coder = parent.coder()
        if coder is None:
            raise Misuse(f"a hybrid must come after a stage with an encoder. Received: {type(parent).__name__}.")
        if self.normalizer.kind != parent.normalizer.kind:
            raise Misuse(f"a stage must have the `preprocess` of the one before. Received: preprocess={self.normalizer.kind} after "
                         f"{parent.normalizer.kind}. Give both the same.")
        self.encoder = coder
        self.encoder.trainable = False
        self.normalizer.set_weights(parent.normalizer.get_weights())
        self._inherited = True

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for name, variable in self.solution.items():
            store[f"solution_{name}"] = variable.numpy()

    def load_own_variables(self, store):
        plain = {name: store[name] for name in store.keys() if not name.startswith("solution_")}
        super().load_own_variables(plain)
        self.keep({name.removeprefix("solution_"): np.asarray(store[name]) for name in store.keys() if name not in plain})

    def get_compile_config(self):
        return None
