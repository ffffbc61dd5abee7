"""A detector of every method, and examples that it learns from: for the tests of what all methods promise."""
import keras
import numpy as np
import pytest

from kerasnd.feeding import Feed
from kerasnd.methods import SOLVED, method

SHAPES = {"images": (8, 8, 1), "tables": (6,)}

# Constructor arguments that are not the defaults: one entry a method, variants after a dot.
VARIANTS = {
    "autoencoder": {"latent_dim": 5, "preprocess": "standard", "weight_decay": 1e-3},
    "autoencoder.dropout": {"dropout": 0.3},
    "rcae": {"latent_dim": 5, "sparsity": 0.7, "epochs_per_round": 2, "encode_cleaned": False},
    "rcae.huber": {"noise": "huber", "sparsity": 0.2},
    "rcae.released": {"noise": "released"},
    "arae": {"latent_dim": 5, "attack_steps": 3, "eps": 0.1},
    "arae.union": {"preset": "union", "eps": 0.05, "attack_steps": 3, "carry_attack_gradient": True},
    "deep_sad": {"latent_dim": 5, "eta": 2.0, "eps": 1e-5, "weight_decay": 1e-3},
    "deep_svdd": {"latent_dim": 5, "weight_decay": 1e-3},
    "deep_svdd.soft_boundary": {"objective": "soft_boundary", "nu": 0.2, "warm_up_epochs": 1},
    "gpnd": {"latent_dim": 3},
    "gpnd.gold": {"preset": "gold", "score_by": "residual", "image_critic": False, "marginals": "histogram", "tail": "cliff"},
    "fitymi": {"neighbours": 3, "weight_decay": 1e-3},
    "fitymi.vit": {"backbone": "vit_small_images", "negatives": "rotation", "metric": "cosine", "freeze_blocks": 1, "lora_rank": 2,
                   "dropout": 0.0},
    "ocnn": {"latent_dim": 5, "hidden_units": 7, "activation": "tanh", "nu": 0.2},
    "ocnn.released": {"objective": "released", "hidden_units": 7},
    "score_sde": {"width": 8, "levels": 3, "average": 0.9, "sampling_steps": 5, "dropout": 0.0},
    "vae": {"latent_dim": 5, "weight_decay": 1e-3},
    "vae.negative_elbo": {"score_by": "negative_elbo"},
    "vae.density": {"score_by": "density", "latent_dim": 3},
    "semi_dgm": {"latent_dim": 5, "alpha": 2.0, "weight_decay": 1e-3},
    "semi_dgm.m1m2": {"stack": "m1m2"},
    "supervised": {"latent_dim": 5, "weight_decay": 1e-3},
    "ssad": {"kappa": 0.5, "cost_anomalous": 0.5, "gamma": 0.25, "max_examples": 40},
    "ocsvm": {"nu": 0.2, "max_examples": 30},
    "ocsvm.nystroem": {"nystroem": 20, "gamma": 0.5},
    "isoforest": {"trees": 40, "examples_per_tree": 32},
    "kde": {"kernel": "exponential", "preprocess": "standard"},
    "kde.published": {"grid": "published", "max_examples": 40},
}
# Those that descend in steps: they have an optimiser, epochs and trainable weights; the others are solved for in one piece.
STEPPED = [variant for variant in VARIANTS if variant.partition(".")[0] not in SOLVED]

# Whose step and score are tested elsewhere, and differ from another variant's in little that a promise of all methods is about.
RARE = ("rcae.huber", "rcae.released", "arae.union", "gpnd.gold", "fitymi.vit", "ocnn.released", "vae.negative_elbo", "vae.density",
        "semi_dgm.m1m2", "ocsvm.nystroem", "kde.published")

# Arguments of networks for images, which tables have no use for.
OF_IMAGES = ("backbone", "negatives", "freeze_blocks", "lora_rank", "metric")

# What gives build("score_sde") the network that it has by default.
UNET = {"denoiser": None, "multipliers": [1]}

NEED_HINTS = ("semi_dgm", "supervised")


def each(variants):
    """For `pytest.mark.parametrize`: the rare ones run with `make test-slow` only."""
    return [pytest.param(variant, marks=pytest.mark.slow) if variant in RARE else variant for variant in variants]


def build(variant, shape=SHAPES["images"], **more):
    keras.utils.set_random_seed(0)
    if variant == "score_sde" and len(shape) == 3:
        more = {"denoiser": own_denoiser(shape), **more}        # the U-Net takes long to trace: test_score_sde has it
    given = {key: value for key, value in VARIANTS[variant].items() if len(shape) == 3 or key not in OF_IMAGES}
    detector = settled(method(variant.partition(".")[0])(shape, **given, **more))
    detector.compile(keras.optimizers.Adam(3e-3))
    return detector


def settled(detector):
    """The detector; what stands in for the stage before it, where it needs one, as if that had been trained."""
    if getattr(detector, "vae", None) is not None:
        detector.vae.prepare(Feed(normals(shape=detector.example_shape)))
    return detector


def normals(n=48, shape=SHAPES["images"], seed=0):
    """Examples of one pattern with a little noise, raw 0..255."""
    rng = np.random.default_rng(seed)
    pattern = np.linspace(20, 235, int(np.prod(shape))).reshape(shape)
    return np.clip(pattern + rng.normal(0, 8, (n, *shape)), 0, 255).astype(np.uint8 if len(shape) == 3 else np.float32)


def strangers(n=48, shape=SHAPES["images"], seed=1):
    """Uniform noise in the same range."""
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8 if len(shape) == 3 else np.float32)


def hints_for(variant, n):
    """int8 (n,) where a method learns nothing without hints: every fourth a known anomaly, and two known normals. Else None."""
    if variant.partition(".")[0] not in NEED_HINTS:
        return None
    return np.where(np.arange(n) % 4 == 0, -1, np.where(np.arange(n) < 3, 1, 0)).astype(np.int8)


def lesson(variant, n=48, shape=SHAPES["images"]):
    """(x, hint): normals, and strangers in the places that are hinted as anomalous."""
    x, hint = normals(n, shape), hints_for(variant, n)
    if hint is not None:
        x[hint < 0] = strangers(n, shape, seed=2)[hint < 0]
    return x, hint


def own_networks(shape=SHAPES["images"], normalised=False):
    inputs = keras.Input(shape)
    x = keras.layers.Dense(12, use_bias=False, activation="elu")(keras.layers.Flatten()(inputs))
    x = keras.layers.BatchNormalization(synchronized=True)(x) if normalised else x
    encoder = keras.Model(inputs, keras.layers.Dense(4, use_bias=False)(x))
    code = keras.Input((4,))
    decoder = keras.Model(code, keras.layers.Reshape(shape)(keras.layers.Dense(int(np.prod(shape)))(code)))
    return encoder, decoder


def own_denoiser(shape=SHAPES["images"], normalised=False):
    inputs = [keras.Input(shape), keras.Input(())]
    x = keras.layers.Concatenate()([keras.layers.Flatten()(inputs[0]), keras.layers.Reshape((1,))(inputs[1])])
    x = keras.layers.Dense(12, activation="tanh")(x)
    x = keras.layers.BatchNormalization(synchronized=True)(x) if normalised else x
    return keras.Model(inputs, keras.layers.Reshape(shape)(keras.layers.Dense(int(np.prod(shape)))(x)))


def network(detector):
    """The Keras model through which a detector sees examples, built in or given."""
    for name in ("encoder", "backbone_network", "network"):
        if getattr(detector, name, None) is not None:
            return getattr(detector, name)
    raise AttributeError(type(detector).__name__)


def with_own_networks(variant, normalised=False):
    keras.utils.set_random_seed(0)
    encoder, decoder = own_networks(normalised=normalised)
    kind = method(variant.partition(".")[0])
    arguments = {key: value for key, value in VARIANTS[variant].items() if key not in ("latent_dim", *OF_IMAGES)}
    if variant.startswith("score_sde"):
        return kind(denoiser=own_denoiser(normalised=normalised), **arguments)
    if variant.startswith(("autoencoder", "rcae", "arae", "gpnd", "vae")):
        arguments["decoder"] = decoder
    if variant == "semi_dgm.m1m2":      # its own networks are those of the stage before
        return settled(kind(vae=method("vae")(encoder=encoder, decoder=decoder), **arguments))
    return kind(encoder=encoder, **arguments)
