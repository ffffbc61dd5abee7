"""What is solved for on the codes of a stage before: it sees what that stage's `encode` gives, and takes its networks with it."""
import keras
import numpy as np
import pytest

import kerasnd
from kerasnd.errors import Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import method

SHAPE = (8, 8, 1)
PARENTS = {"autoencoder": {}, "deep_svdd": {}, "vae": {}, "semi_dgm": {}, "semi_dgm.m1m2": {"stack": "m1m2"}, "supervised": {}}


def clouds(n=150, seed=0, width=1.0):
    """Two clouds of normals, in values of no special range."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(0, 2, (2, *SHAPE))
    return (centers[rng.integers(2, size=n)] + rng.normal(0, width, (n, *SHAPE))).astype(np.float32)


def parent_of(name, x, preprocess="unit"):
    """A stage of another method, its preprocessing fitted; its networks need no training to give codes."""
    keras.utils.set_random_seed(0)
    parent = method(name.partition(".")[0])(SHAPE, latent_dim=4, preprocess=preprocess, **PARENTS[name])
    if "m1m2" in name:
        parent.vae.prepare(Feed(x))
        parent.inherit(parent.vae)
    parent.prepare(Feed(x))
    return parent


@pytest.mark.parametrize("estimator, name", [
    ("ocsvm", "autoencoder"), ("isoforest", "autoencoder"), *(("kde", name) for name in PARENTS)])
def test_a_hybrid_scores_codes_and_takes_the_encoder_with_it(estimator, name, tmp_path):
    x, new = clouds(), clouds(40, seed=1, width=3)
    parent = parent_of(name, x)
    arguments = {"ocsvm": {"kernel": "linear"}}.get(estimator, {})
    hybrid = kerasnd.Shallow(estimator, SHAPE, **arguments)
    hybrid.inherit(parent)
    hybrid.fit(x, seed=0)
    seen, codes = parent.encode(x).numpy(), parent.encode(new).numpy()
    np.testing.assert_allclose(hybrid.encode(new), codes, rtol=1e-5, atol=1e-6)
    plain = kerasnd.Shallow(estimator, seen.shape[1:], preprocess="none", **arguments)
    plain.fit(seen, seed=0)
    np.testing.assert_allclose(hybrid.predict(new, verbose=0), plain.predict(codes, verbose=0), rtol=1e-4, atol=1e-5)
    hybrid.save(tmp_path / "h.keras")
    loaded = keras.models.load_model(tmp_path / "h.keras")
    np.testing.assert_allclose(loaded.predict(new, verbose=0), hybrid.predict(new, verbose=0), rtol=1e-6)


def test_after_a_vae_the_codes_are_mu_also_of_its_own_networks():
    inputs, code = keras.Input(SHAPE), keras.Input((3,))
    encoder = keras.Sequential([inputs, keras.layers.Flatten(), keras.layers.Dense(7, activation="relu")])
    decoder = keras.Model(code, keras.layers.Reshape(SHAPE)(keras.layers.Dense(64)(code)))
    vae, x = kerasnd.VAE(encoder=encoder, decoder=decoder), clouds()
    vae.prepare(Feed(x))
    hybrid = kerasnd.KDE(SHAPE)
    hybrid.inherit(vae)
    mean, _ = vae.posterior(vae.normalizer(x))
    assert hybrid.values(x).shape == (150, 3)
    np.testing.assert_allclose(hybrid.values(x), mean, rtol=1e-5, atol=1e-6)


def test_a_stage_without_codes_or_of_another_preprocessing_is_refused():
    with pytest.raises(Misuse, match="after a stage with an encoder. Received: KDE"):
        kerasnd.OCSVM(SHAPE).inherit(kerasnd.KDE(SHAPE))
    with pytest.raises(Misuse, match="preprocess=unit after gcn_l1"):
        kerasnd.OCSVM(SHAPE).inherit(parent_of("deep_svdd", clouds(), preprocess="gcn_l1"))
