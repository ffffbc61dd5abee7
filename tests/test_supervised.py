"""The supervised classifier: its loss, who counts as positive, and what it refuses."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from kerasnd.errors import Misuse
from kerasnd.methods.supervised import Supervised

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3)).astype(np.float32)
HINT = np.where(X[:, 0] + RNG.normal(0, 1, 80) > 0.8, -1, np.where(X[:, 1] > 1, 1, 0)).astype(np.int8)


def linear():
    """A classifier without anything but one matrix more than a logistic regression, held at the identity."""
    inputs = keras.Input((3,))
    encoder = keras.Model(inputs, keras.layers.Dense(3, use_bias=False, kernel_initializer="identity", trainable=False)(inputs))
    return Supervised(encoder=encoder, preprocess="none")


def test_fitted_to_the_end_it_is_scikit_learns_logistic_regression():
    detector = linear()
    detector.compile(keras.optimizers.Adam(0.05))
    detector.fit(X, HINT, epochs=300, batch_size=80, seed=0, verbose=0)
    oracle = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(X, HINT < 0)      # unhinted and known normals are one class
    np.testing.assert_allclose(detector.head.kernel.numpy()[:, 0], oracle.coef_[0], atol=2e-2)
    np.testing.assert_allclose(detector.predict(X, verbose=0), oracle.decision_function(X), atol=5e-2)


def test_the_loss_of_a_step_is_the_binary_cross_entropy():
    detector = linear()
    detector.compile(keras.optimizers.SGD(0.0))
    logit = detector.predict(X, verbose=0).astype(np.float64)
    expected = np.logaddexp(0, np.where(HINT < 0, -logit, logit)).mean()
    assert float(detector.train_step((tf.constant(X), tf.constant(HINT), None))["loss"]) == pytest.approx(expected, rel=1e-5)


def test_a_known_normal_is_taught_as_an_unhinted_example_is():
    scores = []
    for hint in (HINT, np.minimum(HINT, 0)):
        keras.utils.set_random_seed(0)
        detector = Supervised((3,))
        detector.compile()
        detector.fit(X, hint, epochs=2, batch_size=16, seed=0, verbose=0)
        scores.append(detector.predict(X, verbose=0))
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("hint", [None, np.ones(80, np.int8)])
def test_without_a_known_anomaly_it_refuses_in_one_line(hint):
    detector = linear()
    detector.compile()
    with pytest.raises(Misuse, match="at least one known anomaly") as told:
        detector.fit(X, hint, verbose=0)
    assert "\n" not in str(told.value)


def test_hints_inside_a_dataset_are_looked_through():
    detector = linear()
    detector.compile()
    blank = tf.data.Dataset.from_tensor_slices((X, np.zeros(80, np.int8))).batch(16)
    with pytest.raises(Misuse, match="80 hints, 0 of them"):
        detector.fit(blank, verbose=0)
    detector.fit(tf.data.Dataset.from_tensor_slices((X, HINT)).batch(16), verbose=0)
