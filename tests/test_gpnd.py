"""GPND: its four updates and its density, each against a computation of its own."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from variants import normals, strangers

from kerasnd import densities, figures
from kerasnd.errors import Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import tangent_density
from kerasnd.methods.gpnd import PRESETS, GPND
from kerasnd.networks.layers import NormalizedActivation

SHAPE = (8, 8, 1)


def fitted(**arguments):
    keras.utils.set_random_seed(0)
    detector = GPND(SHAPE, **{"latent_dim": 3, **arguments})
    detector.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), run_eagerly=True)     # four tapes trace longer than they run
    detector.fit(normals(64), epochs=2, batch_size=16, seed=0, verbose=0)
    return detector


@pytest.fixture(scope="module")
def detector():
    return fitted()


# ---- the density ----------------------------------------------------------------------------------------------------


class Linear(tangent_density.TangentDensity):
    """x = W z + rest across W's columns; E is the pseudo-inverse, so that everything is known in closed form."""

    def __init__(self, jacobian, m=7, n=3):
        self.weights_of = np.random.default_rng(0).normal(size=(m, n))
        self.example_shape, self._compiled = (m,), {}
        self.add_weight = lambda shape, **_: tf.Variable(tf.zeros(shape))
        self.normalizer = tf.identity
        self.keep_density(n, ("tangent", "jacobian", "residual"), jacobian, 1.0, "generalised_normal", "clamp")

    def code(self, x, training=False):
        return tf.matmul(x, tf.constant(np.linalg.pinv(self.weights_of).T, tf.float32))

    def redraw_code(self, code):
        return tf.matmul(code, tf.constant(self.weights_of.T, tf.float32))


@pytest.mark.parametrize("jacobian", tangent_density.JACOBIANS)
def test_of_a_linear_decoder_the_density_is_exact(jacobian):
    linear, rng = Linear(jacobian), np.random.default_rng(1)
    m, n = linear.weights_of.shape
    z, deviation = rng.normal(size=(40, n)) * [1.0, 0.5, 2.0], np.array([1.0, 0.5, 2.0])
    across = np.linalg.svd(linear.weights_of)[0][:, n:]
    length = rng.uniform(1, 2, size=40)
    direction = rng.normal(size=(40, m - n))
    rest = direction / np.linalg.norm(direction, axis=1, keepdims=True) * length[:, None] @ across.T
    x = z @ linear.weights_of.T + rest
    # the fitted densities, told exactly: normal codes (beta = 2, s = sqrt(2) sigma), lengths uniform on [1, 2]
    linear.fitted["code_parameters"].assign(np.stack([[2.0] * n, [0.0] * n, np.sqrt(2) * deviation]))
    linear.fitted["residual_edges"].assign([[1.0], [2.0]])
    along = stats.norm.logpdf(z, scale=deviation).sum(axis=1) - np.linalg.slogdet(linear.weights_of.T @ linear.weights_of)[1] / 2
    sphere = {4: 2 * np.pi ** 2 * length ** 3}[m - n]
    found = linear.density_score(tf.constant(x, tf.float32)).numpy()
    np.testing.assert_allclose(-found, along - np.log(sphere), rtol=1e-4, atol=1e-3)


def test_the_terms_add_up_to_the_score_and_the_parts_to_their_own(detector):
    x = np.concatenate([normals(20, seed=3), strangers(20)])
    terms = {name: value.numpy() for name, value in detector.terms(x).items()}
    np.testing.assert_allclose(sum(terms.values()), detector.predict(x, verbose=0), rtol=1e-5)
    for score_by, names in tangent_density.SCORES.items():
        part = GPND(SHAPE, latent_dim=3, score_by=score_by)
        part.set_weights(detector.get_weights())
        np.testing.assert_allclose(part.predict(x, verbose=0), sum(terms[name] for name in names), rtol=1e-4, atol=1e-3)


def test_the_fitted_densities_are_those_of_the_training_examples(detector):
    x = normals(64)
    values = detector.code_and_residual(tf.constant(x)).numpy()
    wanted = densities.fit_generalised_normal(values[:, :-1])
    np.testing.assert_allclose(detector.fitted["code_parameters"].numpy(), wanted, rtol=1e-4)
    redrawn = detector.reconstruct(tf.constant(x)).numpy()
    length = np.sqrt(np.square((x - redrawn) / 255.0).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(values[:, -1], length, rtol=1e-4)
    np.testing.assert_allclose(detector.fitted["residual_edges"].numpy()[:, 0], [length.min(), length.max()], rtol=1e-4)


def test_the_jacobians_term_has_the_sign_of_the_formula(detector):
    x = tf.constant(normals(6, seed=4))
    change = []
    for unit in range(3):
        with tf.GradientTape() as tape:
            normalised = detector.bounded(x)
            tape.watch(normalised)
            code = detector.code(normalised)[:, unit]
        change.append(tape.gradient(code, normalised).numpy().reshape(6, -1))
    singular = np.linalg.svd(np.stack(change, axis=1).astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(detector.terms(x)["jacobian"].numpy(), -np.log(singular).sum(axis=1), rtol=1e-4)
    by_decoder = GPND(SHAPE, latent_dim=3, jacobian="decoder")
    by_decoder.set_weights(detector.get_weights())
    code = detector.code(detector.bounded(x)).numpy().astype(np.float64)
    step = 1e-2 * np.eye(3)
    redrawn = [[detector.redraw_code(tf.constant(code + way * d, tf.float32)).numpy() for way in (1, -1)] for d in step]
    change = [(up - down) / 2e-2 for up, down in redrawn]
    singular = np.linalg.svd(np.stack([c.reshape(6, -1) for c in change], axis=1).astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(by_decoder.terms(x)["jacobian"].numpy(), np.log(singular).sum(axis=1), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("marginals", tangent_density.MARGINALS)
@pytest.mark.parametrize("tail", tangent_density.TAILS)
def test_every_example_has_a_finite_score(marginals, tail):
    keras.utils.set_random_seed(0)
    detector = GPND(SHAPE, latent_dim=3, marginals=marginals, tail=tail)
    detector.prepare(Feed(normals(64)))
    x = np.stack([np.zeros(SHAPE), np.full(SHAPE, 255.0), np.full(SHAPE, 1e20), np.full(SHAPE, -1e30), np.eye(8)[..., None] * 255,
                  *normals(2)]).astype(np.float32)
    assert np.isfinite(detector.predict(x, verbose=0)).all()


def test_a_cliff_stands_beyond_the_largest_residual_of_the_training(detector):
    steep = GPND(SHAPE, latent_dim=3, tail="cliff")
    steep.set_weights(detector.get_weights())
    low, high = detector.fitted["residual_edges"].numpy()[:, 0]
    r = tf.constant([low / 2, (low + high) / 2, high * 1.001])
    fall = (detector.log_residual(r) - steep.log_residual(r)).numpy()
    last = detector.fitted["residual_log_density"].numpy()[-1, 0]
    np.testing.assert_allclose(fall, [np.log(2), 0, last - np.log(1e-308)], rtol=1e-3, atol=1e-3)


def test_memory_is_bounded_by_parts_and_the_parts_change_nothing(detector, monkeypatch):
    x = normals(23, seed=5)
    whole = detector.predict(x, verbose=0)
    monkeypatch.setattr(tangent_density, "TANGENTS", 15)        # 5 examples at once
    monkeypatch.setattr(detector, "_compiled", {})
    np.testing.assert_allclose(detector.density_score(tf.constant(x)).numpy(), whole, rtol=1e-4)
    assert detector.density_score(tf.constant(x[:0])).shape == (0,)


def test_the_marginals_are_drawn_as_they_were_fitted(detector, tmp_path):
    units = detector.marginals_drawn()
    assert len(units) == 3
    for edges, heights, at, density in units:
        # half an example stands in every empty bin
        assert 1 <= (heights * np.diff(edges)).sum() < 1.25 and 0.8 < np.trapezoid(density, at) < 1.02
    figures.marginals(units, tmp_path / "units.png")
    assert (tmp_path / "units.png").stat().st_size > 5000


# ---- the four updates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_is_the_four_published_updates_in_their_order(preset):
    keras.utils.set_random_seed(0)
    shape = (16, 18, 1)         # two halvings: the encoder has a normalisation
    detector, twin = (GPND(shape, latent_dim=3, preset=preset) for _ in range(2))
    twin.set_weights(detector.get_weights())
    for layer in twin.encoder.layers:
        if isinstance(layer, NormalizedActivation):
            layer.momentum = 0.9        # by hand each batch passes twice
    x = np.random.default_rng(0).integers(0, 256, (12, *shape)).astype(np.uint8)
    for each in (detector, twin):
        each.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        each.normalizer.adapt([x])
    z = [detector.chance((12, 3), stream) for stream in range(3)]
    weights = {"head": (2, 1, 1), "gold": (1, 2, 1), "paper": (2, 1, 2)}[preset]
    by_hand(twin, tf.constant(x / 255.0, tf.float32), z, *weights)
    detector.train_step((tf.constant(x), None, None))
    for own, other in zip(detector.weights, twin.weights):
        np.testing.assert_allclose(own.numpy(), other.numpy(), rtol=1e-3, atol=1e-5, err_msg=own.path)


def by_hand(model, x, z, w_r, w_e, w_z):
    """The updates as the paper writes them, with Keras' own cross-entropy, plain gradients and a rate of 0.1."""
    bce = keras.losses.BinaryCrossentropy()
    d_x, d_z, g, f = model.critic_of_images, model.critic_of_codes, model.encoder, model.decoder
    p = lambda logits: tf.sigmoid(logits)
    one, zero = tf.ones((12, 1)), tf.zeros((12, 1))

    def step(variables, loss):
        with tf.GradientTape() as tape:
            value = loss()
        for variable, gradient in zip(variables, tape.gradient(value, variables)):
            variable.assign_sub(0.1 * gradient)
    fake = p(f(z[0], training=True))
    step(d_x.trainable_variables, lambda: bce(one, p(d_x(x, training=True))) + bce(zero, p(d_x(fake, training=True))))
    step(f.trainable_variables, lambda: bce(one, p(d_x(p(f(z[1], training=True)), training=True))))
    code = g(x, training=True)
    step(d_z.trainable_variables, lambda: w_z * (bce(one, p(d_z(z[2]))) + bce(zero, p(d_z(code)))))

    def last():
        code = g(x, training=True)
        return w_e * bce(one, p(d_z(code))) + w_r * keras.losses.BinaryCrossentropy()(x, p(f(code, training=True)))
    step(g.trainable_variables + f.trainable_variables, last)


def test_without_the_image_critic_two_players_are_left():
    detector = fitted(image_critic=False)
    assert set(detector.players) == {"code_critic", "autoencoder"}
    assert set(detector.fit(normals(32), epochs=1, batch_size=16, verbose=0).history) == {"code_critic", "autoencoder"}


def test_held_out_normals_are_watched_by_their_cross_entropy():
    x = normals(16, seed=7)
    detector = fitted()
    history = detector.fit(normals(32), epochs=3, initial_epoch=2, batch_size=16, validation_data=x, verbose=0).history
    redrawn = np.clip(detector.reconstruct(tf.constant(x)).numpy() / 255.0, 1e-7, 1 - 1e-7)
    wanted = -(x / 255.0 * np.log(redrawn) + (1 - x / 255.0) * np.log(1 - redrawn)).mean()
    assert history["val_loss"][0] == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("arguments, told", [
    ({"preset": "gold", "power": 0.0}, "power"), ({"preset": "heads"}, "Did you mean 'head'"), ({"score_by": "latents"}, "latent"),
    ({"jacobian": "both"}, "jacobian"), ({"encoder_weight": -1.0}, "encoder_weight"), ({"preprocess": "standard"}, "preprocess"),
    ({"preprocess": "median+standard", "example_shape": (6,)}, "preprocess"),
    ({"image_critic": 1}, "image_critic"), ({"latent_dim": 0}, "latent_dim"), ({"tail": "soft"}, "tail"),
    ({"example_shape": (7, 9, 1)}, "8x8"), ({"encoder": keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])}, "together")])
def test_what_cannot_be_is_told_in_one_line(arguments, told):
    with pytest.raises(Misuse, match=told) as refused:
        GPND(**{"example_shape": SHAPE if "encoder" not in arguments else None, **arguments})
    assert "\n" not in str(refused.value)
