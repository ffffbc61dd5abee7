"""What `compile`, `fit`, `predict`, `save` and `export` are given in Python: Keras' words are heeded or refused, never ignored."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from variants import SHAPES, VARIANTS, build, each, lesson, normals

import kerasnd
from kerasnd.errors import Misuse

KINDS = each(["deep_svdd", "ssad", "kde"])


class Batches(keras.utils.PyDataset):
    """Forty examples in two batches."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return normals(40)[20 * index:20 * index + 20]


@pytest.mark.parametrize("variant", KINDS)
@pytest.mark.parametrize("given, told", [
    (lambda: Batches(), "`x` must be an array or a tf.data dataset. Received: a Batches"),
    (lambda: (batch for batch in Batches()), "`x` must be an array or a tf.data dataset. Received: a generator"),
    (lambda: normals(40).astype(object), "`x` must hold numbers. Received: values of type object"),
    (lambda: normals(40).astype(str), "`x` must hold numbers. Received: values of type <U"),
    (lambda: normals(40) * 1j, "`x` must hold numbers. Received: values of type complex"),
], ids=["pydataset", "generator", "objects", "texts", "complex"])
def test_what_cannot_be_read_as_numbers_more_than_once_is_refused(variant, given, told):
    detector = build(variant)
    with pytest.raises(Misuse, match=told):
        detector.fit(given(), verbose=0)
    with pytest.raises(Misuse, match=told):
        detector.predict(given(), verbose=0)


@pytest.mark.parametrize("variant", KINDS)
@pytest.mark.parametrize("name, value", [("sample_weight", np.ones(40)), ("class_weight", {0: 2.0})])
def test_weights_are_refused(variant, name, value):
    with pytest.raises(Misuse, match=f"`{name}` must be left out"):
        build(variant).fit(normals(40), verbose=0, **{name: value})


@pytest.mark.parametrize("name, value", [("loss", "mse"), ("metrics", ["mae"]), ("weighted_metrics", ["mae"]),
                                         ("loss_weights", [2.0])])
def test_a_loss_or_metrics_of_ones_own_are_refused(name, value):
    with pytest.raises(Misuse, match=f"`{name}` must be left out: a method has its own loss"):
        build("deep_svdd").compile("adam", **{name: value})


def test_without_compile_fit_says_so():
    with pytest.raises(Misuse, match="a DeepSVDD must be compiled before `fit`"):
        kerasnd.DeepSVDD(example_shape=(6,)).fit(normals(40))


@pytest.mark.parametrize("size", [0, -3, None, "16"])
def test_a_batch_of_nothing_is_refused(size):
    with pytest.raises(Misuse, match="`batch_size` must be a number in"):
        build("deep_svdd").fit(normals(40), batch_size=size, verbose=0)


def test_validation_split_is_validation_data_of_the_last_examples():
    x = normals(40)
    split, given = build("deep_svdd"), build("deep_svdd")
    one = split.fit(x, epochs=2, batch_size=8, seed=3, validation_split=0.25, verbose=0).history
    other = given.fit(x[:30], epochs=2, batch_size=8, seed=3, validation_data=x[30:], verbose=0).history
    assert one == other and len(one["val_loss"]) == 2
    np.testing.assert_array_equal(split.predict(x, verbose=0), given.predict(x, verbose=0))


def test_known_anomalies_are_no_held_out_normals():
    x, hint = normals(40), np.r_[-np.ones(4), np.zeros(30), -np.ones(6)].astype(np.int8)
    split, given = build("deep_sad"), build("deep_sad")
    one = split.fit(x, hint, epochs=1, batch_size=8, seed=3, validation_split=0.25, verbose=0).history
    assert one == given.fit(x[:30], hint[:30], epochs=1, batch_size=8, seed=3, validation_data=x[30:34], verbose=0).history


@pytest.mark.parametrize("x, share, told", [
    (normals(40), 1.0, "`validation_split` must be a number in"), (normals(40), 0.999, "must leave examples in both parts"),
    (normals(1), 0.5, "must leave examples in both parts"),
    (tf.data.Dataset.from_tensor_slices(normals(40)).batch(8), 0.2, "`validation_split` must come with an array"),
])
def test_a_split_that_cannot_be_is_refused(x, share, told):
    with pytest.raises(Misuse, match=told):
        build("deep_svdd").fit(x, validation_split=share, verbose=0)


def test_validation_data_of_another_shape_is_refused():
    with pytest.raises(Misuse, match="`x` must hold examples of shape"):
        build("deep_svdd").fit(normals(40), validation_data=normals(8)[:, :-1], verbose=0)


def test_a_dataset_of_tuples_of_one_is_a_dataset_of_examples():
    x = normals(40)
    plain, wrapped = build("deep_svdd"), build("deep_svdd")
    plain.fit(tf.data.Dataset.from_tensor_slices(x).batch(8), epochs=2, seed=0, verbose=0)
    wrapped.fit(tf.data.Dataset.from_tensor_slices((x,)).batch(8), epochs=2, seed=0, verbose=0)
    np.testing.assert_array_equal(plain.predict(x, verbose=0), wrapped.predict(x, verbose=0))
    with pytest.raises(ValueError, match="Received: tuples of 3"):
        build("deep_svdd").fit(tf.data.Dataset.from_tensor_slices((x, np.zeros(40), np.ones(40))).batch(8), verbose=0)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("variant", each([variant for variant in VARIANTS if variant != "score_sde"]))
def test_an_example_that_is_no_number_has_no_score_and_harms_no_other(variant, kind):
    x, hint = lesson(variant, 40, SHAPES[kind])
    x = x.astype(np.float32)
    detector = build(variant, SHAPES[kind])
    detector.fit(x, hint, batch_size=20, verbose=0)
    strange = x.copy()
    for place, value in ((3, np.nan), (13, np.inf), (21, -np.inf)):
        strange[place].flat[5] = value
    with pytest.warns(RuntimeWarning, match="3 of 40 scores are not finite, the first of example 3: nan"):
        score = detector.predict(tf.data.Dataset.from_tensor_slices(strange).batch(8), verbose=0)
    assert np.flatnonzero(np.isnan(score)).tolist() == [3, 13, 21]
    well = np.isfinite(score)
    np.testing.assert_allclose(score[well], detector.predict(x, batch_size=8, verbose=0)[well], rtol=1e-5, atol=1e-5)


def two_inputs():
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], keras.layers.Dense(3)(keras.layers.Concatenate()([a, b])))


@pytest.mark.parametrize("network, told", [
    (lambda: (lambda x: x), "Received: 'function'"), (lambda: keras.layers.Dense(3), "Received: 'Dense'"),
    (lambda: keras.Sequential([keras.layers.Dense(3)]), "Received: a model that is not built"), (two_inputs, "Received: 2 inputs"),
], ids=["function", "layer", "not built", "two inputs"])
def test_an_own_network_is_a_built_keras_model(network, told):
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    for make in (kerasnd.DeepSVDD, kerasnd.FITYMI):
        with pytest.raises(Misuse, match=f"`encoder` must be built from one input to one output, .*{told}"):
            make(encoder=network())
    for make in (kerasnd.Autoencoder, kerasnd.GPND):
        with pytest.raises(Misuse, match=f"`decoder` must be built from .*{told}"):
            make(encoder=encoder, decoder=network())
    if network is not two_inputs:
        with pytest.raises(Misuse, match=f"`denoiser` must be built from two inputs .*{told}"):
            kerasnd.ScoreSDE(denoiser=network())


def test_double_precision_is_refused_where_a_detector_is_made():
    keras.config.set_dtype_policy("float64")
    try:
        with pytest.raises(Misuse, match="must be float32 or a mixed one. Received: float64"):
            kerasnd.DeepSVDD(example_shape=(6,))
    finally:
        keras.config.set_dtype_policy("float32")


def test_keras_own_export_and_its_older_format_point_to_ours(tmp_path):
    detector = build("deep_svdd")
    detector.fit(normals(40), verbose=0)
    with pytest.raises(Misuse, match="calibrated before it is exported"):
        detector.export(tmp_path / "model")
    with pytest.raises(Misuse, match="`kerasnd.export"):
        kerasnd.calibrate(detector, normals(40, seed=3)).export(tmp_path / "model")
    with pytest.raises(Misuse, match="must end in .keras"):
        detector.save(tmp_path / "model.h5")
    assert not any(tmp_path.iterdir())
