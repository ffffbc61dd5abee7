"""Attacks: they stay in their ball, go up their objective, and step as NumPy does."""
import math

import numpy as np
import pytest
import tensorflow as tf
from attacks_by_hand import SHAPE, WIDE, distance_gradient, examples, l2_by_hand, length, linf_by_hand, small_network

from kerasnd import attacks
from kerasnd.attacks import pgd
from kerasnd.errors import Misuse

KINDS = {"random": examples(), "black": np.zeros((6, *SHAPE), np.float32), "white": np.ones((6, *SHAPE), np.float32)}


# ---- bounds ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eps", [0.0, 0.05, 3.0])
@pytest.mark.parametrize("name", ["linf", "linf.keep_overshoot", "l2"])
def test_a_change_stays_in_its_ball_and_in_the_box(name, eps, kind):
    x = KINDS[kind]
    objective = attacks.code_distance(small_network()[0], tf.constant(x))
    more = {"keep_overshoot": True} if "overshoot" in name else {}
    changed = attacks.ATTACKS[name.partition(".")[0]](objective, tf.constant(x), eps, 5, **more).numpy()
    assert changed.dtype == np.float32 and changed.shape == x.shape
    assert changed.min() >= 0 and changed.max() <= 1
    change = changed - x
    assert (length(change).max() <= eps + 1e-4) if name == "l2" else (np.abs(change).max() <= eps + 1e-6)
    assert (np.abs(change).max() > 0) == (eps > 0)
    if eps == 0.05:         # it is used: every image has a value, or a whole change, at the bound
        used = length(change) if name == "l2" else np.abs(change).max(axis=(1, 2, 3))
        assert used.min() > (0.02 if name == "l2" else 0.049)       # a corner of the box cuts the sphere


@pytest.mark.parametrize("name,eps", [("linf", 0.1), ("l2", 0.5)])
def test_more_steps_and_a_larger_ball_raise_the_objective(name, eps):
    x = examples(40)
    encode, codes, _ = small_network()
    start = np.clip(x + np.random.default_rng(3).uniform(-eps, eps, x.shape), 0, 1).astype(np.float32)
    objective = attacks.code_distance(encode, tf.constant(x))
    attack = attacks.ATTACKS[name]

    def reached(eps, steps, step_size=None):
        changed = tf.function(attack)(objective, tf.constant(x), eps, steps, step_size, start=tf.constant(start)).numpy()
        return np.square(codes(changed) - codes(x)).mean()
    begun, one, two, thirty = (reached(eps, steps, eps / 10) for steps in (0, 1, 3, 30))
    assert begun < one < two < thirty and thirty > 2 * begun
    assert reached(eps / 4, 20) < reached(eps / 2, 20) < reached(eps, 20)


def test_no_step_gives_the_start_brought_into_ball_and_box():
    x, eps = examples(), 0.2
    start = np.random.default_rng(5).uniform(-1, 2, x.shape).astype(np.float32)
    objective = attacks.code_distance(small_network()[0], tf.constant(x))
    found = attacks.linf(objective, tf.constant(x), eps, 0, start=tf.constant(start)).numpy()
    np.testing.assert_allclose(found, np.clip(np.clip(start, x - eps, x + eps), 0, 1), atol=1e-6)
    found = attacks.l2(objective, tf.constant(x), eps, 0, start=tf.constant(start)).numpy()
    far = start - x
    np.testing.assert_allclose(found, np.clip(x + far * (eps / length(far)).reshape(WIDE), 0, 1), atol=1e-6)


# ---- gradient and steps, against NumPy -------------------------------------------------------------------------------

def test_the_gradient_is_that_of_finite_differences():
    x, changed = examples(3).astype(np.float64), examples(3, seed=2).astype(np.float64)
    encode, codes, _ = small_network()
    objective = attacks.code_distance(encode, tf.constant(x, tf.float32))
    found = attacks.input_gradient(objective, tf.constant(changed, tf.float32)).numpy()

    def value(at):
        return np.square(codes(at) - codes(x)).mean(axis=1)
    for place in np.ndindex(SHAPE):
        moved = np.zeros_like(changed)
        moved[(slice(None), *place)] = 1e-5
        expected = (value(changed + moved) - value(changed - moved)) / 2e-5
        np.testing.assert_allclose(found[(slice(None), *place)], expected, rtol=1e-3, atol=1e-6)


def test_each_example_has_the_gradient_of_its_own_value():
    x = examples(4)
    encode = small_network()[0]
    together = attacks.input_gradient(lambda at: tf.reduce_sum(encode(at) ** 2, axis=1), tf.constant(x)).numpy()
    for i in range(4):
        alone = attacks.input_gradient(lambda at: tf.reduce_sum(encode(at) ** 2, axis=1), tf.constant(x[i:i + 1])).numpy()
        np.testing.assert_allclose(together[i:i + 1], alone, atol=1e-6)


def objectives(x):
    """{name: (objective, gradient by hand)}: linear, and the distance of codes."""
    slope = np.random.default_rng(9).normal(size=SHAPE)
    encode, codes, back = small_network()
    return {"linear": (lambda at: tf.reduce_sum(at * tf.constant(slope, tf.float32), axis=[1, 2, 3]),
                       lambda at: np.broadcast_to(slope, at.shape)),
            "network": (attacks.code_distance(encode, tf.constant(x, tf.float32)),
                        lambda at: distance_gradient(codes, back, x, at))}


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("objective", ["linear", "network"])
@pytest.mark.parametrize("name", ["linf", "linf.keep_overshoot", "l2"])
def test_steps_are_those_of_numpy(name, objective, steps):
    x, keep = examples().astype(np.float64), "overshoot" in name
    start = np.clip(x + np.random.default_rng(4).uniform(-0.3, 0.3, x.shape), 0, 1)
    function, gradient = objectives(x)[objective]
    given = {"steps": steps, "step_size": 0.04, "start": tf.constant(start, tf.float32)}
    if name == "l2":
        found = attacks.l2(function, tf.constant(x, tf.float32), 0.5, **given)
        expected = l2_by_hand(gradient, x, 0.5, steps, 0.04, start)
    else:
        found = attacks.linf(function, tf.constant(x, tf.float32), 0.3, keep_overshoot=keep, **given)
        expected = linf_by_hand(gradient, x, 0.3, steps, 0.04, start, keep)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)


def test_the_default_step_is_two_and_a_half_balls_in_all():
    x = np.full((2, *SHAPE), 0.5, np.float32)
    up = lambda at: tf.reduce_sum(at, axis=[1, 2, 3])       # noqa: E731
    found = attacks.linf(up, tf.constant(x), 0.4, 10, start=tf.constant(x - 0.4)).numpy()
    np.testing.assert_allclose(found, 0.9, atol=1e-6)       # from one end to the other, and no further
    found = attacks.linf(up, tf.constant(x), 0.4, 10, step_size=0.01, start=tf.constant(x)).numpy()
    np.testing.assert_allclose(found, 0.6, atol=1e-6)


def test_an_overshoot_that_is_kept_must_be_undone_first():
    """From outside the box: what was cut off is walked back through, step by step, or is forgotten."""
    x = np.full((1, *SHAPE), 0.9, np.float32)
    start = tf.constant(x + 0.3)                            # 1.2, which [0, 1] makes 1
    down = lambda at: -tf.reduce_sum(at, axis=[1, 2, 3])    # noqa: E731
    for steps, kept, forgotten in ((1, 1.0, 0.9), (2, 1.0, 0.8), (3, 0.9, 0.7)):
        for keep, expected in ((True, kept), (False, forgotten)):
            found = attacks.linf(down, tf.constant(x), 0.3, steps, 0.1, start=start, keep_overshoot=keep).numpy()
            np.testing.assert_allclose(found, expected, atol=1e-6)


# ---- chance, tracing, refusals ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("name,eps", [("linf", 0.1), ("l2", 0.5)])
def test_a_seed_decides_the_start_and_no_call_traces_anew(name, eps):
    encode, traces = small_network()[0], []

    @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE)), tf.TensorSpec((2,), tf.int32)])
    def attacked(x, seed):
        traces.append(1)
        return attacks.ATTACKS[name](attacks.code_distance(encode, x), x, eps, 0, seed=seed)
    x = examples()
    found = [attacked(tf.constant(x), tf.constant(seed)).numpy() for seed in ((1, 2), (1, 2), (1, 3))]
    attacked(tf.constant(examples(9, seed=8)), tf.constant((0, 0)))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 0.01 and len(traces) == 1
    outside = attacks.ATTACKS[name](attacks.code_distance(encode, tf.constant(x)), tf.constant(x), eps, 0, seed=(1, 2))
    np.testing.assert_allclose(outside.numpy(), found[0], atol=1e-6)


def test_in_a_graph_and_out_of_it_the_steps_are_the_same():
    x = tf.constant(examples())
    objective = attacks.code_distance(small_network()[0], x)
    for attack in (lambda: attacks.linf(objective, x, 0.1, 5), lambda: attacks.l2(objective, x, 0.5, 5),
                   lambda: attacks.spatial(objective, x, attacks.grid(angles=3))):
        np.testing.assert_allclose(tf.function(attack)().numpy(), attack().numpy(), atol=1e-6)


def test_no_gradient_goes_through_an_attack():
    x = tf.constant(examples())
    scale = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        objective = lambda at: scale * tf.reduce_sum(at ** 2, axis=[1, 2, 3])       # noqa: E731
        found = [attacks.linf(objective, x, 0.1, 2), attacks.l2(objective, x, 0.1, 2),
                 attacks.spatial(objective, x, attacks.grid(angles=1))]
        total = tf.add_n([tf.reduce_sum(each) for each in found])
    assert tape.gradient(total, scale) is None


def test_what_has_no_gradient_is_taken_by_spatial_alone():
    x = tf.constant(examples(shape=(8, 8, 1)))
    counted = lambda at: tf.cast(tf.math.count_nonzero(at[:, :2] > 0.5, axis=[1, 2, 3]), tf.float32)      # noqa: E731
    for attack in (attacks.linf, attacks.l2):
        with pytest.raises(Misuse, match="must have a gradient.*Take spatial") as refusal:
            attack(counted, x, 0.1)
        assert "\n" not in str(refusal.value)
    found = attacks.spatial(counted, x, attacks.grid(angles=5))
    assert (counted(found).numpy() >= counted(x).numpy()).all() and (counted(found).numpy() > counted(x).numpy()).any()


def test_what_cannot_be_asked_for_is_told_in_one_line():
    table, objective = tf.constant(np.random.rand(4, 6).astype(np.float32)), lambda at: tf.reduce_sum(at, axis=-1)
    with pytest.raises(Misuse, match=r"`attack` spatial must be of images.*\(6,\)"):
        attacks.spatial(objective, table)
    for wrong in ({"eps": -0.1}, {"eps": math.nan}, {"eps": True}, {"steps": -1}, {"steps": 2.0}, {"step_size": 0.0}):
        for attack in (attacks.linf, attacks.l2):
            with pytest.raises(Misuse, match=f"`{next(iter(wrong))}` must be"):
                attack(objective, table, **{"eps": 0.1, **wrong})
    assert pgd.linf(objective, table, 0.1, 3).shape == (4, 6)
