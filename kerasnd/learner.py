"""What scikit-learn's and PyOD's views of a detector share: it is made, trained, asked and pickled from one class.

Source: Tukey (1977), Exploratory Data Analysis, for the fence.
"""
import contextlib
import inspect
import math
import random
import tempfile
from pathlib import Path

import keras
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from kerasnd import arguments as checks
from kerasnd import optimizers
from kerasnd.detector import Detector
from kerasnd.errors import Misuse
from kerasnd.methods import method
from kerasnd.networks.normalizer import IMPUTING

TYPES = (np.float32, np.uint8, np.uint16)   # what keeps its type; a detector sees everything else as float32 anyway
BY_DEFAULT = "autoencoder"
BLOCK = 32                                  # rows


class Learner(BaseEstimator):
    """A detector with scikit-learn's parameters; a subclass says what its scores are called and which way is up.

    Args:
        detector: str, a key of `kerasnd.methods.METHODS`; or a `kerasnd.Detector`, of which every `fit` makes a new one by its
            config, with fresh weights (those of own networks too), and leaves it alone; None: an autoencoder.
        arguments: dict, of the method's constructor, beside `example_shape`; None: its defaults. It goes with no Detector.
        contamination: float in (0, 0.5], share of the training examples called anomalous, or "auto": see `threshold`.
        epochs: int >= 1, of the training. A method that is solved for in one piece has none.
        batch_size: int >= 1, of the steps.
        learning_rate: float > 0, of Adam; None: the optimiser that the given Detector was compiled with.
        random_state: int, numpy.random.RandomState or None, as in scikit-learn: first weights, noise, order of examples. The same
            int gives the same bits on CPU.
        verbose: 0, 1 or 2, as in `keras.Model.fit`.

    Attributes:
        detector_: the trained `kerasnd.Detector`; `kerasnd.calibrate(detector_, x)` gives p-values from held-out normals.
        n_features_in_: int, values of an example.
        feature_names_in_: str array, only of data frames whose columns have names.
    """

    def __init__(self, detector=None, *, arguments=None, contamination="auto", epochs=100, batch_size=128, learning_rate=1e-3,
                 random_state=None, verbose=0):
        self.detector, self.arguments, self.contamination = detector, arguments, contamination
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.random_state, self.verbose = random_state, verbose

    # ---- learning --------------------------------------------------------------------------------------------------

    def _learn(self, X):
        """Trains a new detector. Returns: float64 (n,), its scores of the training examples, higher = more anomalous."""
        self._check()
        X = self._examples(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(2 ** 31 - 1))
        with seeded(seed):
            detector = self._made(X.shape[1:])
            refuse_strange(X, detector)
            if self.learning_rate is None:
                detector.compile_from_config(self.detector.get_compile_config())
            else:
                detector.compile(optimizers.make(1, learning_rate=plain(self.learning_rate)))
            detector.fit(X, epochs=plain(self.epochs), batch_size=plain(self.batch_size), seed=seed, verbose=int(self.verbose))
        self.detector_ = detector
        return self._scores(X)

    def _check(self):
        """Refuses parameters, in one line each. Raises Misuse."""
        for name in ("epochs", "batch_size"):
            checks.whole(name, plain(getattr(self, name)), at_least=1)
        if self.contamination != "auto":
            checks.number("contamination", self.contamination, above=0, at_most=0.5, remedy='Or "auto".')
        if self.verbose not in (0, 1, 2):
            raise Misuse(f"`verbose` must be 0, 1 or 2. Received: verbose={self.verbose!r}.")
        given = isinstance(self.detector, Detector)
        if not given and not isinstance(self.detector, (str, type(None))):
            raise Misuse(f"`detector` must be a method's name, a kerasnd.Detector or None. Received: detector={self.detector!r}.")
        if self.arguments is not None and (given or not isinstance(self.arguments, dict)):
            raise Misuse(f"`arguments` must be a dict, and go with a method's name. Received: arguments={self.arguments!r} and "
                         f"detector={type(self.detector).__name__ if given else self.detector}. Give a Detector its own.")
        if self.learning_rate is not None:
            checks.number("learning_rate", self.learning_rate, above=0)
        elif not given or self.detector.get_compile_config() is None:
            raise Misuse("`learning_rate` must be a number above 0, or None with a compiled Detector. Received: "
                         "learning_rate=None. Compile `detector`, or give a number.")

    def _made(self, example_shape):
        """A detector for examples of a shape. Raises Misuse."""
        if isinstance(self.detector, Detector):
            self.detector.check_shape(example_shape)
            return type(self.detector).from_config(self.detector.get_config())
        name = self.detector or BY_DEFAULT
        kind, values = method(name), {"example_shape": example_shape, **(self.arguments or {})}
        try:
            inspect.signature(kind).bind(**values)
        except TypeError as error:      # of the names alone: what the constructor itself raises is its own
            raise Misuse(f"`arguments` must be those of {kind.__name__}. Received: {sorted(values)} ({error}).") from error
        return kind(**values)

    # ---- asking ----------------------------------------------------------------------------------------------------

    def _novelty(self, X):
        """float64 (n,), scores of raw examples, higher = more anomalous.

        Raises:
            NotFittedError: before `fit`. Misuse: another shape, or a value that is not finite.
        """
        check_is_fitted(self, "detector_")
        X = self._examples(X, reset=False)
        self.detector_.check_shape(X.shape[1:])
        refuse_strange(X, self.detector_)
        return self._scores(X)

    def _scores(self, X):
        n = len(X)
        if X.ndim == 2 and n % BLOCK:
            # The last bit of a row of a matrix product depends on whether the row is one of a full block. In full blocks a score
            # does not depend on who is asked about beside it. Images, whose rows are dear, are left as they are.
            X = np.pad(X, ((0, -n % BLOCK), (0, 0)), mode="edge")
        return self.detector_.predict(X, verbose=0)[:n].astype(np.float64)

    def _examples(self, X, reset):
        """array (n, features) or (n, height, width, channels), checked as scikit-learn checks, its complaints in one line."""
        rules = {"dtype": TYPES, "ensure_all_finite": False, "ensure_min_samples": 2 if reset else 1}
        try:
            if (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) < 3:
                return validate_data(self, X, reset=reset, **rules)
            X = check_array(X, allow_nd=True, estimator=self, input_name="X", **rules)
        except ValueError as error:
            raise Misuse(" ".join(str(error).split())) from error
        if reset:
            validate_data(self, X, skip_check_array=True)       # forgets the names of columns of an earlier `fit`
            self.n_features_in_ = math.prod(X.shape[1:])
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        given = self.detector.preprocess if isinstance(self.detector, Detector) else (self.arguments or {}).get("preprocess", "")
        tags.input_tags.allow_nan = given.startswith(IMPUTING)
        return tags

    # ---- pickling: of Keras there is a .keras file as bytes, and nothing else ----------------------------------------

    def __getstate__(self):
        return {name: to_bytes(value) if isinstance(value, Detector) else value for name, value in super().__getstate__().items()}

    def __setstate__(self, state):
        super().__setstate__({name: from_bytes(value) if name in ("detector", "detector_") and isinstance(value, bytes) else value
                              for name, value in state.items()})


def threshold(scores, contamination):
    """float, the score above which an example is called anomalous.

    Args:
        scores: float64 (n,), of the training examples, higher = more anomalous.
        contamination: float in (0, 0.5], the share of them above it; or "auto": Tukey's fence, Q3 + 1.5 (Q3 - Q1), which
            needs no share to be known.
    """
    if contamination == "auto":
        low, high = np.percentile(scores, (25, 75))
        return float(high + 1.5 * (high - low))
    return -float(np.percentile(-scores, 100 * contamination))


@contextlib.contextmanager
def seeded(seed):
    """Keras and TensorFlow draw from `seed`; the global generators of Python and NumPy are afterwards as they were."""
    before = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def refuse_strange(X, detector):
    """Raises Misuse at the first value that is infinite, or NaN where the detector fills none in.

    Not BadData: scikit-learn promises a ValueError.
    """
    strange = np.isinf(X) if detector.normalizer.imputes else ~np.isfinite(X)
    if strange.any():
        place = np.argwhere(strange)[0].tolist()
        raise Misuse(f"`X` must be finite in float32, without NaN and infinity. Received: {X[tuple(place)]} in example {place[0]} "
                     f"at {place[1:]}. Remove it; a `preprocess` that begins with {IMPUTING} fills in the NaN of tables.")


def plain(value):
    """A NumPy number, as searches give them, as Python's: Keras takes no other."""
    return value.item() if isinstance(value, np.generic) else value


def to_bytes(detector):
    """bytes, the .keras file of a detector."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detector.keras"
        detector.save(path)
        return path.read_bytes()


def from_bytes(content):
    """Detector, of the bytes of its .keras file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detector.keras"
        path.write_bytes(content)
        return keras.saving.load_model(path)
