"""Distances to the nearest neighbours against scikit-learn in float64: every k, metric and size of the pieces."""
import resource

import numpy as np
import pytest
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

from kerasnd import neighbours
from kerasnd.errors import Misuse

RNG = np.random.default_rng
score = tf.function(neighbours.score, autograph=False)


def examples(b=37, n=301, d=12, seed=0, offset=0.0):
    """(features, bank), float32."""
    rng = RNG(seed)
    return tuple((rng.normal(size=(rows, d)) + offset).astype(np.float32) for rows in (b, n))


def wanted(features, bank, k, metric="squared_euclidean"):
    """float64 (b,), by scikit-learn."""
    features, bank = features.astype(np.float64), bank.astype(np.float64)
    if metric == "cosine":
        return NearestNeighbors(n_neighbors=k, algorithm="brute", metric="cosine").fit(bank).kneighbors(features)[0].sum(1)
    return np.square(NearestNeighbors(n_neighbors=k, algorithm="brute").fit(bank).kneighbors(features)[0]).sum(1)


@pytest.mark.parametrize("metric", neighbours.METRICS)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_scores_are_the_sums_of_the_smallest_distances(k, metric):
    features, bank = examples()
    found = score(features, bank, k, metric)
    assert found.dtype == tf.float32 and found.shape == (37,)
    np.testing.assert_allclose(found, wanted(features, bank, k, metric), rtol=2e-6)


@pytest.mark.parametrize("chunk", [1, 64, 300, 5000])
def test_no_size_of_the_pieces_changes_what_is_near(chunk):
    features, bank = examples() if chunk > 1 else examples(b=5, n=9)
    place = tf.function(neighbours.nearest, autograph=False)(tf.constant(features), tf.constant(bank), 3, chunk=chunk)
    assert np.array_equal(place, NearestNeighbors(n_neighbors=3, algorithm="brute").fit(bank).kneighbors(features)[1])
    k = min(70, len(bank))              # more than there are in a block
    np.testing.assert_allclose(score(features, bank, k, chunk=chunk), wanted(features, bank, k), rtol=2e-6)


@pytest.mark.parametrize("chunk", [64, 2048])
def test_duplicates_all_count(chunk):
    features, bank = examples(b=8)
    bank[[5, 200]] = features[0]            # twice in the bank: both at distance 0
    bank[7] = features[1]                   # once: the second nearest is another
    bank[[10, 11, 150]] = bank[12]
    for k in (1, 2, 3):
        found = score(features, bank, k, chunk=chunk).numpy()
        np.testing.assert_allclose(found, wanted(features, bank, k), rtol=2e-6, atol=1e-12)
        assert (found[0] == 0) is np.bool_(k < 3) and (found[1] == 0) is np.bool_(k == 1)
    same = np.tile(bank[:1], (100, 1))      # one point a hundred times
    np.testing.assert_allclose(score(features, same, 4, chunk=chunk), 4 * np.square(features - same[:8]).sum(1), rtol=2e-6)


@pytest.mark.parametrize("offset", [1e3, -1e5])
def test_far_from_the_origin_nothing_cancels(offset):
    features, bank = examples(offset=offset, d=64)
    # Moved back in float64: so far away, scikit-learn's float64 loses digits too.
    near = [each.astype(np.float64) - offset for each in (features, bank)]
    np.testing.assert_allclose(score(features, bank, 2), wanted(*near, 2), rtol=3e-6)
    assert not np.allclose(((features ** 2).sum(1)[:, None] + (bank ** 2).sum(1) - 2 * features @ bank.T).min(1),
                           wanted(*near, 1), rtol=1e-2)     # as it is usually written
    # Of directions that are all but one, 1 - cos keeps no digit of float32.
    np.testing.assert_allclose(score(features, bank, 2, "cosine"), wanted(features, bank, 2, "cosine"),
                               rtol=1e-3 if offset > 0 else 0.2, atol=1e-14)


def test_vectors_of_zeros_have_cosine_distance_one_from_all():
    features, bank = examples(b=6, n=9)
    features[[0, 3]], bank[[2, 4]] = 0, 0
    found = neighbours.score(features, bank, 3, "cosine").numpy()
    np.testing.assert_allclose(found, wanted(features, bank, 3, "cosine"), rtol=2e-6)
    assert found[0] == found[3] == 3
    np.testing.assert_array_equal(neighbours.score(features, 0 * bank, 2, "cosine"), 2 * np.ones(6))
    np.testing.assert_allclose(neighbours.score(features, bank, 3), wanted(features, bank, 3), rtol=2e-6)


def test_a_bank_of_k_or_less():
    features, bank = examples(n=5)
    np.testing.assert_allclose(neighbours.score(features, bank, 5), wanted(features, bank, 5), rtol=2e-6)
    with pytest.raises(Misuse, match="^`k` must be at most the 5 examples of the bank. Received: k=6. Lower it") as refusal:
        neighbours.score(features, bank, 6)
    assert "\n" not in str(refusal.value)
    bank = tf.Variable(bank, shape=(None, 12))
    traced = tf.function(lambda x: neighbours.score(x, bank, 6), input_signature=[tf.TensorSpec((None, 12))])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Received: k=6"):
        traced(features)


@pytest.mark.parametrize("given", [{"k": 0}, {"k": 2.0}, {"k": True}, {"metric": "manhattan"}, {"chunk": 0}])
def test_mistakes_are_told_in_one_line(given):
    name, = given
    with pytest.raises(Misuse, match=f"^`{name}` must be.*Received: {name}=") as refusal:
        neighbours.score(*examples(), **given)
    assert "\n" not in str(refusal.value)


def test_one_graph_serves_all_batches_and_banks_and_is_served(tmp_path):
    features, bank = examples()
    kept = tf.Module()
    kept.bank = tf.Variable(bank, shape=(None, 12))
    kept.score = tf.function(lambda x: neighbours.score(x, kept.bank, chunk=50), input_signature=[tf.TensorSpec((None, 12))])
    for n, b in ((301, 37), (2, 1), (120, 300), (301, 0)):
        kept.bank.assign(bank[:n])
        x = examples(b=b, seed=1)[0]
        found = kept.score(x)
        assert found.shape == (b,)
        if b:
            np.testing.assert_allclose(found, wanted(x, bank[:n], 2), rtol=2e-6)
    assert kept.score.experimental_get_tracing_count() == 1
    tf.saved_model.save(kept, str(tmp_path), signatures=kept.score)
    served = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    np.testing.assert_array_equal(next(iter(served(tf.constant(features)).values())), kept.score(features))


def test_gradients_are_those_of_the_distances_to_the_neighbours():
    features, bank = examples(b=5)
    x = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.function(lambda x: tf.reduce_sum(neighbours.score(x, bank, 3, chunk=100)))(x)
    near = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(bank).kneighbors(features)[1]
    np.testing.assert_allclose(tape.gradient(total, x), 2 * (features[:, None] - bank[near]).sum(1), rtol=1e-5, atol=1e-5)


def test_what_is_not_finite_is_seen_and_spoils_nobody_else():
    features, bank = examples(b=4)
    features[1, 3], features[2, 0] = np.nan, np.inf
    found = score(features, bank, 2, chunk=50).numpy()
    assert not np.isfinite(found[1:3]).any()
    np.testing.assert_allclose(found[[0, 3]], wanted(features[[0, 3]], bank, 2), rtol=2e-6)
    assert neighbours.score(tf.cast(features, tf.bfloat16), tf.cast(bank, tf.bfloat16)).dtype == tf.float32


def test_memory_is_that_of_the_pieces():
    features, bank = examples(b=1500, n=200_000, d=4)       # 1.2 GB of products

    def most():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before = most()
    found = score(features, bank).numpy()
    assert most() - before < 300
    np.testing.assert_allclose(found[:20], wanted(features[:20], bank, 2), rtol=1e-4)
