"""Vision transformers against NumPy: the forward pass in Google's layout, loading, freezing, low-rank additions, views."""
import math
import pickle
import zipfile

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from scipy.special import erf

from kerasnd.errors import BadData, Misuse
from kerasnd.networks import backbones, transformer, vit, vit_weights
from kerasnd.networks.viewing import View

TINY = {"patch": 4, "width": 12, "depth": 3, "heads": 3, "hidden": 20}
SHAPE = (12, 8, 3)
BLOCK = "Transformer/encoderblock_0/"


def tiny(shape=SHAPE, **changes):
    return vit.vit(shape, **{**TINY, "dropout": 0.0, **changes})


def google(depth=3, width=12, heads=3, hidden=20, patch=4, tokens=7, seed=0):
    """Random weights under Google's names, as its own code shapes them."""
    rng = np.random.default_rng(seed)
    each = width // heads
    shapes = {"embedding/kernel": (patch, patch, 3, width), "embedding/bias": (width,), "cls": (1, 1, width),
              "Transformer/posembed_input/pos_embedding": (1, tokens, width), "Transformer/encoder_norm/scale": (width,),
              "Transformer/encoder_norm/bias": (width,), "pre_logits/kernel": (width, 5), "head/kernel": (5, 2), "head/bias": (2,)}
    for level in range(depth):
        here = f"Transformer/encoderblock_{level}/"
        for name in ("LayerNorm_0", "LayerNorm_2"):
            shapes |= {f"{here}{name}/scale": (width,), f"{here}{name}/bias": (width,)}
        for name in ("query", "key", "value"):
            attention = f"{here}MultiHeadDotProductAttention_1/{name}/"
            shapes |= {f"{attention}kernel": (width, heads, each), f"{attention}bias": (heads, each)}
        shapes |= {f"{here}MultiHeadDotProductAttention_1/out/kernel": (heads, each, width),
                   f"{here}MultiHeadDotProductAttention_1/out/bias": (width,),
                   f"{here}MlpBlock_3/Dense_0/kernel": (width, hidden), f"{here}MlpBlock_3/Dense_0/bias": (hidden,),
                   f"{here}MlpBlock_3/Dense_1/kernel": (hidden, width), f"{here}MlpBlock_3/Dense_1/bias": (width,)}
    return {key: rng.normal(0, 0.5, shape).astype(np.float32) for key, shape in shapes.items()}


def forward(w, images, patch=4, attended=None):
    """The feature of one image after the other, in float64; every block's attention (heads, n, n) goes into the list `attended`."""
    def norm(x, name):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * w[name + "/scale"] + w[name + "/bias"]

    def one(image):
        height, width, _ = image.shape
        x = [w["cls"][0, 0].astype(np.float64)]
        for row in range(0, height, patch):
            for column in range(0, width, patch):
                x.append(np.einsum("ijc,ijcd->d", image[row:row + patch, column:column + patch], w["embedding/kernel"])
                         + w["embedding/bias"])
        x = np.stack(x) + w["Transformer/posembed_input/pos_embedding"][0]
        for level in range(sum(key.endswith("LayerNorm_0/scale") for key in w)):
            here = f"Transformer/encoderblock_{level}/"
            attention = here + "MultiHeadDotProductAttention_1/"
            y = norm(x, here + "LayerNorm_0")
            q, k, v = (np.einsum("nd,dhe->hne", y, w[f"{attention}{name}/kernel"]) + w[f"{attention}{name}/bias"][:, None]
                       for name in ("query", "key", "value"))
            p = np.exp(np.einsum("hne,hme->hnm", q, k) / math.sqrt(q.shape[-1]))
            p /= p.sum(-1, keepdims=True)
            if attended is not None:
                attended.append(p)
            x = x + np.einsum("hnm,hme,hed->nd", p, v, w[attention + "out/kernel"]) + w[attention + "out/bias"]
            h = norm(x, here + "LayerNorm_2") @ w[here + "MlpBlock_3/Dense_0/kernel"] + w[here + "MlpBlock_3/Dense_0/bias"]
            h = h * 0.5 * (1 + erf(h / math.sqrt(2)))
            x = x + h @ w[here + "MlpBlock_3/Dense_1/kernel"] + w[here + "MlpBlock_3/Dense_1/bias"]
        return norm(x, "Transformer/encoder_norm")[0]
    return np.stack([one(image) for image in images.astype(np.float64)])


def images(n=3, shape=SHAPE, seed=1):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def written(tmp_path, arrays, name="weights.npz"):
    np.savez(tmp_path / name, **arrays)
    return tmp_path / name


@pytest.fixture
def loaded(tmp_path):
    model = tiny()
    vit_weights.load(model, written(tmp_path, google()))
    return model


@pytest.mark.parametrize("training", [False, True])
def test_the_feature_is_that_of_numpy_with_googles_weights(loaded, training):
    """Without dropout both ways, by TensorFlow's gelu and by ours, are the same function."""
    compiled = tf.function(lambda x: loaded(x, training=training))
    for call in (compiled, lambda x: loaded(x, training=training)):
        np.testing.assert_allclose(call(images()), forward(google(), images()), atol=1e-4)


def test_attention_rolled_out_is_that_of_numpy(loaded):
    attended, x = [], images(2)
    forward(google(), x, attended=attended)
    for one, blocks in zip(vit.rollout(loaded, x).numpy(), (attended[:3], attended[3:])):
        flow = np.eye(7)
        for p in blocks:
            flow = (0.5 * p.mean(0) + 0.5 * np.eye(7)) @ flow
        np.testing.assert_allclose(one.ravel(), flow[0, 1:], rtol=1e-4)
        assert 0 < one.sum() < 1


def test_attention_that_is_even_everywhere_leaves_an_eighth_at_the_class_token():
    model = tiny()
    for block in vit.blocks(model):
        block.qkv_kernel.assign(tf.zeros_like(block.qkv_kernel.value))
    expected = np.full((1, *model.get_layer("tokens").grid), (1 - 1 / 8) / 7)
    np.testing.assert_allclose(vit.rollout(model, images(1)), expected, rtol=1e-5)


def test_a_block_for_the_class_token_alone_is_the_whole_block():
    whole, alone = transformer.Block(3, 20), transformer.Block(3, 20, class_only=True)
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 12)).astype(np.float32))
    whole(x), alone(x)
    alone.set_weights(whole.get_weights())
    np.testing.assert_allclose(alone(x), whole(x)[:, :1], atol=1e-5)


def test_the_gradient_is_that_of_the_plain_functions():
    h = tf.constant(np.linspace(-6, 6, 101, dtype=np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(h)
        ours, plain = transformer.gelu(h), tf.nn.gelu(h)
    np.testing.assert_allclose(ours, plain, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(ours, h), tape.gradient(plain, h), atol=1e-6)


def test_bfloat16_is_near_float32(loaded, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = tiny()
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(loaded.get_weights())
    assert {w.dtype for w in half.weights} == {"float32"}
    for training in (False, True):
        near, true = half(images(), training=training).numpy(), loaded(images()).numpy()
        assert near.dtype == np.float32 and 0 < np.abs(near - true).max() < 0.1 < np.abs(true).max()


@pytest.mark.parametrize("size, shape, weights, block", [
    ("vit_b16", (224, 224, 3), 85_798_656, 7_087_872),
    # 768*192 + 192 + 192 + 197*192 + 2*192, and per block 4*192*193 + 192*768*2 + 768 + 192 + 4*192
    ("vit_ti16", (224, 224, 3), 5_524_416, 444_864),
    # 16*96 + 96 + 96 + 50*96 + 2*96, and per block 4*96*97 + 2*96*192 + 192 + 96 + 4*96
    ("vit_small_images", (28, 28, 1), 305_856, 74_784)])
def test_a_named_transformer_has_the_published_number_of_weights(size, shape, weights, block):
    model = vit.named(size, shape)
    trainable = [sum(math.prod(w.shape) for w in part.trainable_weights) for part in (model, vit.blocks(model)[0])]
    assert trainable == [weights, block] and model.output_shape == (None, vit.SIZES[size]["width"])
    if size == "vit_b16":       # with six blocks frozen and a head of two classes: the published 43 272 962
        vit.freeze(model, 6)
        assert sum(math.prod(w.shape) for w in model.trainable_weights) + 2 * 769 == 43_272_962


def test_every_size_is_in_the_table_of_parameter_counts():
    sizes = next(mark for mark in test_a_named_transformer_has_the_published_number_of_weights.pytestmark).args[1]
    assert {row[0] for row in sizes} == set(vit.SIZES)


# ---- dropout, freezing, what trains -------------------------------------------------------------------------------------

def test_dropout_keeps_the_mean_and_its_mask_is_its_seeds():
    x = tf.ones((300, 50, 6))
    one, again, other = (transformer.dropped(x, 0.1, seed).numpy() for seed in ((0, 1), (0, 1), (0, 2)))
    np.testing.assert_array_equal(one, again)
    assert np.mean(one != other) > 0.1
    values, counts = np.unique(one, return_counts=True)
    np.testing.assert_allclose(values, [0, 256 / 230])
    assert abs(counts[0] / one.size - 26 / 256) < 4 * math.sqrt(0.1 * 0.9 / one.size)      # four deviations
    assert abs(np.corrcoef(one[:, 0, 0], one[:, 0, 1])[0, 1]) < 0.25        # bytes of one random word


def test_training_draws_and_a_seed_repeats_it():
    results = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        model = tiny(dropout=0.1)
        results.append([model(images(), training=True).numpy() for _ in range(2)])
    np.testing.assert_array_equal(*results)
    assert np.abs(results[0][0] - results[0][1]).max() > 1e-3
    np.testing.assert_array_equal(model(images()), model(images()))


def names(model):
    return {w.path.split("/")[0] for w in model.trainable_weights}


def test_blocks_and_embeddings_freeze(loaded):
    vit.freeze(loaded, 2, embeddings=True)
    assert names(loaded) == {"block_2", "feature"}
    before = loaded.get_weights()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(loaded(images(), training=True) ** 2)
    keras.optimizers.SGD(0.1).apply(tape.gradient(loss, loaded.trainable_variables), loaded.trainable_variables)
    moved = {w.path.split("/")[0] for w, old in zip(loaded.weights, before) if np.abs(w.numpy() - old).max() > 0}
    assert moved == {"block_2", "feature"}
    vit.freeze(loaded)
    assert names(loaded) == {"tokens", "block_0", "block_1", "block_2", "feature"}
    with pytest.raises(Misuse, match=r"^`freeze_blocks` must be at most 3, .*Received: freeze_blocks=4\.$"):
        vit.freeze(loaded, 4)


def test_low_rank_additions_change_nothing_at_first_and_alone_train(loaded, tmp_path):
    added = tiny(lora_rank=2)
    vit_weights.load(added, written(tmp_path, google()))
    np.testing.assert_array_equal(added(images()), loaded(images()))
    assert {w.name for w in added.trainable_weights} == {f"lora_{name}_{way}" for name in "qv" for way in ("down", "up")}
    assert sum(math.prod(w.shape) for w in added.trainable_weights) == 3 * 4 * 2 * 12
    rng = np.random.default_rng(4)
    changed = google()
    for level, block in enumerate(vit.blocks(added)):       # merged by hand into Google's arrays
        for name, down, up in zip(("query", "value"), block.down, block.up):
            up.assign(rng.normal(size=up.shape))
            key = f"Transformer/encoderblock_{level}/MultiHeadDotProductAttention_1/{name}/kernel"
            changed[key] = changed[key] + (down.numpy() @ up.numpy()).reshape(12, 3, 4)
    np.testing.assert_allclose(added(images()), forward(changed, images()), atol=1e-4)
    vit.freeze(added, 1)
    assert names(added) == {"tokens", "block_1", "block_2"} and len(vit.blocks(added)[1].trainable_weights) == 4


@pytest.mark.parametrize("changes", [{}, {"lora_rank": 2, "dropout": 0.1}])
def test_a_transformer_survives_saving_with_what_trains_and_its_variables_hold_the_masks(changes, tmp_path):
    model = tiny(**changes)
    vit.freeze(model, 1, embeddings=True)
    model(images(), training=True)
    model.save(tmp_path / "vit.keras")
    again = keras.models.load_model(tmp_path / "vit.keras")
    np.testing.assert_array_equal(again(images()), model(images()))
    for own, its in zip(again.variables, model.variables):      # what a checkpoint keeps, seeds among it
        own.assign(its)
    np.testing.assert_array_equal(again(images(), training=True), model(images(), training=True))
    assert [w.path for w in again.trainable_weights] == [w.path for w in model.trainable_weights]


@pytest.mark.parametrize("changes, told", [
    ({"shape": (30, 28, 1)}, r"^`shape` must be that of images whose sides are multiples of the patch 4\. Received: shape=\(30,"),
    ({"shape": (12,)}, "^`shape` must"), ({"heads": 5}, "^`width` must be a multiple of the 5 heads"), ({"depth": 0}, "^`depth` "),
    ({"dropout": 1}, "^`dropout` must"), ({"lora_rank": -1}, "^`lora_rank` must"), ({"patch": 2.0}, "^`patch` must")])
def test_a_transformer_that_cannot_be_is_refused(changes, told):
    with pytest.raises(Misuse, match=told):
        tiny(**changes)


# ---- weights from elsewhere ---------------------------------------------------------------------------------------------

def test_what_is_saved_is_googles_layout_and_loads(loaded, tmp_path):
    vit_weights.save(loaded, tmp_path / "own.npz")
    saved, given = dict(np.load(tmp_path / "own.npz")), google()
    assert set(given) - set(saved) == {"pre_logits/kernel", "head/kernel", "head/bias"}
    for key, value in saved.items():
        np.testing.assert_array_equal(value, given[key])
    with pytest.raises(Misuse, match="lora_rank"):
        vit_weights.save(tiny(lora_rank=1), tmp_path / "no.npz")


def test_positions_are_resized_from_corner_to_corner(tmp_path):
    table = np.array([[[9.0], [0.0], [1.0], [2.0], [3.0]]])        # the class token's, then 2x2
    by_hand = [9, 0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3]
    np.testing.assert_allclose(vit_weights.fitted(table, (3, 3))[0, :, 0], by_hand)
    arrays = google(tokens=26)
    model = tiny((12, 8, 3))
    vit_weights.load(model, written(tmp_path, arrays))
    given = arrays["Transformer/posembed_input/pos_embedding"][0]
    wanted = scipy.ndimage.zoom(given[1:].reshape(5, 5, 12), (3 / 5, 2 / 5, 1), order=1).reshape(6, 12)
    np.testing.assert_allclose(model.get_layer("tokens").positions[0], np.concatenate([given[:1], wanted]), atol=1e-6)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def broken(tmp_path, how):
    """A file that cannot be loaded into `tiny()`."""
    arrays, path = google(), tmp_path / "weights.npz"
    if how == "missing file":
        return path
    if how == "folder":
        return tmp_path
    if how in ("pickle", "array"):
        path.write_bytes(pickle.dumps(Trap()))
        if how == "array":
            with open(path, "wb") as file:
                np.save(file, arrays["cls"])
        return path
    if how == "missing key":
        del arrays[BLOCK + "LayerNorm_2/bias"]
    elif how == "unknown key":
        arrays["Transformer/moe/kernel"] = np.zeros(3)
    elif how == "wrong shape":
        arrays[BLOCK + "MlpBlock_3/Dense_0/kernel"] = np.zeros((20, 12), np.float32)
    elif how == "positions":
        arrays["Transformer/posembed_input/pos_embedding"] = np.zeros((1, 6, 12), np.float32)
    elif how == "blocks":
        arrays = google(depth=2)
    elif how == "integers":
        arrays["cls"] = np.zeros((1, 1, 12), int)
    elif how == "nan":
        arrays["cls"][0, 0, 5] = np.nan
    elif how == "objects":
        arrays["cls"] = np.array([Trap()], object)
    written(tmp_path, arrays)
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    if how == "flipped bytes":
        with zipfile.ZipFile(path) as archive:
            start = archive.getinfo("cls.npy").header_offset
        whole = bytearray(path.read_bytes())
        whole[start + 180:start + 190] = bytes(10)
        path.write_bytes(whole)
    return path


@pytest.mark.parametrize("how, error, told", [
    ("missing file", BadData, "which is missing"), ("folder", BadData, "which is a folder"), ("pickle", BadData, "no .npz"),
    ("array", BadData, "no .npz"), ("truncated", BadData, "truncated"), ("flipped bytes", BadData, "whose cls cannot be read"),
    ("objects", BadData, "whose cls holds Python objects"), ("nan", BadData, r"nan in cls at \[0, 0, 5\]"),
    ("missing key", Misuse, "must hold Transformer/encoderblock_0/LayerNorm_2/bias"),
    ("unknown key", Misuse, "with Transformer/moe/kernel"), ("integers", Misuse, "cls of shape .*int64"),
    ("wrong shape", Misuse, r"Dense_0/kernel of shape \(12, 20\).*\(20, 12\)"),
    ("positions", Misuse, r"pos_embedding of shape \(1, 7, 12\).*\(1, 6, 12\)"), ("blocks", Misuse, "3 blocks.*with 2")])
def test_weights_that_cannot_be_loaded_are_refused_in_one_line_and_change_nothing(how, error, told, tmp_path):
    model = tiny()
    before = model.get_weights()
    with pytest.raises(error, match=told) as refusal:
        vit_weights.load(model, broken(tmp_path, how))
    assert str(refusal.value).startswith("`pretrained` must ") and "\n" not in str(refusal.value)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_a_missing_keras_hub_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "keras_hub", None)
    with pytest.raises(Misuse, match=r"`pretrained=keras_hub:vit_base` needs keras-hub.*kerasnd\[vit\]"):
        vit_weights.load(tiny(), "keras_hub:vit_base")


def test_a_backbone_of_keras_hub_is_the_same_network():
    hub = pytest.importorskip("keras_hub")
    backbone = hub.models.ViTBackbone((12, 8, 3), 4, 3, 3, 12, 20)
    backbone.set_weights([np.random.default_rng(i).normal(0, 0.5, w.shape) for i, w in enumerate(backbone.weights)])
    model = tiny()
    vit_weights.assign(model, vit_weights.of_backbone(backbone, "own"), "own")
    np.testing.assert_allclose(model(images()), backbone(images())[:, 0], atol=1e-4)


def test_a_backbone_is_fresh_or_loaded_or_a_users_own(tmp_path):
    assert backbones.build("vit_small_images", (28, 28, 1)).name == "vit_small_images"
    source = vit.named("vit_small_images", (28, 28, 1))
    vit_weights.save(source, tmp_path / "own.npz")
    built = backbones.build("vit_small_images", (28, 28, 1), tmp_path / "own.npz")
    np.testing.assert_array_equal(built(images(1, (28, 28, 1))), source(images(1, (28, 28, 1))))
    inputs = keras.Input((6, 6, 1))
    own = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(5, 3)(inputs)))
    own.save(tmp_path / "own.keras")
    again = backbones.build("vit_b16", (6, 6, 1), tmp_path / "own.keras")
    np.testing.assert_array_equal(again(images(2, (6, 6, 1))), own(images(2, (6, 6, 1))))
    vit.freeze(again)       # has nothing to freeze
    keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, 0, 0])(inputs)).save(tmp_path / "lambda.keras")
    (tmp_path / "half.keras").write_bytes((tmp_path / "own.keras").read_bytes()[:900])
    for name, shape, told in (("own.keras", (6, 7, 1), r"\(n, 6, 7, 1\) to features"), ("half.keras", (6, 6, 1), "Keras can"),
                              ("lambda.keras", (6, 6, 1), "safely"), ("no.keras", (6, 6, 1), "missing"),
                              ("weights.h5", (6, 6, 1), "a .npz or .keras file")):
        with pytest.raises((Misuse, BadData), match=told) as refusal:
            backbones.build("vit_b16", shape, tmp_path / name)
        assert "\n" not in str(refusal.value)


# ---- views --------------------------------------------------------------------------------------------------------------

def grey(*shape, seed=2):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(8, 8), (8, 12), (13, 8)])
def test_the_view_in_the_middle_is_tensorflows_resized_and_cropped(shape):
    x = grey(2, *shape, 3)
    view = View(size=20, crop=16)
    resized = tf.image.resize(x, [20 * side // 8 for side in shape]).numpy()
    top, left = (round((side - 16) / 2) for side in resized.shape[1:3])
    wanted = (resized[:, top:top + 16, left:left + 16] - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(view(x), wanted, atol=1e-5)
    np.testing.assert_array_equal(View(**{k: v for k, v in view.get_config().items() if k != "name"})(x), view(x))


@pytest.mark.parametrize("settings, shape", [({"size": 20, "crop": 16}, (8, 12)), ({"size": 8, "crop": 8, "padding": 2}, (8, 8))])
def test_shares_of_a_view_go_back_to_where_its_pixels_are_from(settings, shape):
    view = View(**settings, normalization="none", channels=1)
    shares, x = tf.constant(grey(1, view.crop, view.crop, 1)[..., 0]), tf.Variable(grey(1, *shape, 1))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(shares * view(x)[..., 0])
    found = view.back(shares, shape)
    np.testing.assert_allclose(found, tape.gradient(total, x)[..., 0], atol=1e-5)       # what each pixel gave
    np.testing.assert_allclose(tf.reduce_sum(found), tf.reduce_sum(shares), rtol=1e-5)
    around = View(size=8, crop=12, padding=2, normalization="none", channels=1)
    assert np.isclose(tf.reduce_sum(around.back(tf.ones((1, 12, 12)), (8, 8))), 64)      # what lies on the padding is lost


def test_a_larger_image_is_shrunk_over_all_of_its_pixels():
    x = grey(2, 30, 30, 1)
    wanted = tf.image.resize(x, (12, 12), antialias=True)
    np.testing.assert_allclose(View(12, 12, "none", 1)(x), wanted, atol=1e-5)


def test_random_views_are_crops_of_the_resized_image_by_hand():
    x, drawn = grey(4, 8, 8, 3), np.array([[0, 0, 0.9], [0.999999, 0.5, 0.9], [0.4, 0.2, 0.1], [0.61, 0.999999, 0.49]], np.float32)
    views = tf.function(View(size=20, crop=16, normalization="half"))(x, drawn)
    resized = tf.image.resize(x, (20, 20)).numpy()
    for view, image, (row, column, mirror) in zip(views, resized, drawn):
        top, left = int(row * 5), int(column * 5)
        wanted = image[top:top + 16, left:left + 16]
        np.testing.assert_allclose(view, (wanted[:, ::-1] if mirror < 0.5 else wanted) * 2 - 1, atol=1e-5)


def test_small_images_stay_as_they_are_and_move_by_their_padding():
    x = grey(3, 28, 28, 1)
    still, moving = View(28, 28, "none", 1), View(28, 28, "none", 1, flip=False, padding=2)
    np.testing.assert_array_equal(still(x), x)
    np.testing.assert_array_equal(moving(x), x)
    drawn = np.array([[0, 0.999999, 0], [0.5, 0.5, 0], [0.8, 0, 0]], np.float32)
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    for view, image, (top, left) in zip(moving(x, drawn), padded, ((0, 4), (2, 2), (4, 0))):
        np.testing.assert_array_equal(view, image[top:top + 28, left:left + 28])


def test_grey_images_get_the_networks_channels():
    x = grey(2, 8, 8, 1)
    views = View(8, 8, "imagenet")(x).numpy()
    assert views.shape == (2, 8, 8, 3)
    np.testing.assert_allclose(views * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406], np.repeat(x, 3, -1), atol=1e-6)


@pytest.mark.parametrize("arguments, told", [
    ({"crop": 300}, "^`crop` must be at most 256"), ({"channels": 1}, "^`normalization=imagenet` must have 3"),
    ({"normalization": "imagnet"}, "Did you mean 'imagenet'"), ({"size": 0}, "^`size`"), ({"flip": 1}, "^`flip`")])
def test_a_view_that_cannot_be_is_refused(arguments, told):
    with pytest.raises(Misuse, match=told):
        View(**arguments)
    with pytest.raises(Misuse, match="1 or 3 channels"):
        View(8, 8)(np.zeros((1, 8, 8, 2), np.float32))
