"""What a served model answers: named functions of raw examples, in graphs that hold TensorFlow's own operations alone."""
import dataclasses

import tensorflow as tf
from absl import logging

from kerasnd.data import pixels
from kerasnd.data.resizing import resize
from kerasnd.errors import Misuse

# Operations that call back into Python, which a server has not.
PYTHON_OPS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
# 2^16 times the weights of red, green and blue in what Pillow calls "L" (ITU-R 601-2).
LUMA = (19595, 38470, 7471)


@dataclasses.dataclass(frozen=True)
class Pixels:
    """How the bytes of an image file become raw values of the kind that a detector was trained on.

    Args:
        bits: 8 or 16, of the values that are decoded; 16 for detectors of uint16 images, which take grey PNG alone.
        white: None, or the raw value of a decoded 255, where detectors were trained on floats of another range.
        block_mean: bool, how images are resized, see `kerasnd.data.resizing.resize`.
    """

    bits: int = 8
    white: float | None = None
    block_mean: bool = False


def functions(verdict, how=None):
    """What can be asked of a calibrated detector.

    Args:
        verdict: kerasnd.Verdict.
        how: Pixels, of image detectors; None: as 8-bit images come.

    Returns:
        {signature: tf.function}, named as in the README's table; each takes any batch size and returns a dict of named tensors.
    """
    detector, how = verdict.detector, how or Pixels()
    shape = detector.normalizer.example_shape
    x = tf.TensorSpec((None, *shape), tf.float32, name="x")

    @tf.function(input_signature=[x])       # traced once, and called by every signature
    def score(x):
        return whole(detector.score, x)

    @tf.function(input_signature=[x])
    def serving_default(x):
        return _named(verdict.judged(score(x)))

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.uint8, name="x")])
    def serving_uint8(x):
        return _named(verdict.judged(score(tf.cast(x, tf.float32))))

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def image_bytes(image_bytes):
        return _named(verdict.judged(score(decoded(image_bytes, shape, how))))

    @tf.function(input_signature=[x, tf.TensorSpec((None,), tf.float32, name="alpha")])
    def with_alpha(x, alpha):
        return _named(verdict.judged(score(x), alpha))

    @tf.function(input_signature=[x])
    def reconstruct(x):
        return {"reconstruction": tf.identity(whole(detector.reconstruct, x), "reconstruction")}

    found = {"serving_default": serving_default, "with_alpha": with_alpha}
    if len(shape) == 3 and how.bits == 8:
        found["serving_uint8"] = serving_uint8
    if len(shape) == 3 and (shape[-1] == 1 or (shape[-1] == 3 and how.bits == 8)):
        found["image_bytes"] = image_bytes
    if hasattr(detector, "reconstruct"):
        found["reconstruct"] = reconstruct
    return found


def whole(function, x):
    """`function(x)`, of a batch of none too: one empty example stands in, since some of oneDNN's convolutions refuse none."""
    n = tf.shape(x)[0]
    rows = tf.cast(tf.equal(n, 0), tf.int32)
    filled = tf.pad(x, [[0, rows], *[[0, 0]] * (x.shape.rank - 1)])
    return function(tf.ensure_shape(filled, x.shape))[:n]


def _named(outputs):
    return {name: tf.identity(value, name) for name, value in outputs.items()}


def decoded(encoded, shape, how):
    """float32 (n, height, width, channels), raw values of image files' bytes.

    Args:
        encoded: string (n,), PNG, JPEG or BMP of any size, grey or in colour; an alpha channel is dropped.
        shape: (height, width, channels), channels 1 or 3, of the detector.
        how: Pixels.

    What a folder of such images has once it is loaded, pixel for pixel. Differs: a colour image for a grey detector is turned grey
    as Pillow does it, where a folder of them is refused.
    """
    def one(each):
        if how.bits == 16:
            image = pixels.decode(each, shape[-1], 16)
        else:
            image = pixels.decode(each, 3, 8)
            image = image if shape[-1] == 3 else grey(image)
        # Resizing to its own size leaves an image as it is, and costs more than all else.
        image = tf.cond(tf.reduce_all(tf.shape(image)[:2] == shape[:2]), lambda: image,
                        lambda: resize(image, *shape[:2], how.block_mean))
        return tf.ensure_shape(tf.cast(image, tf.float32), shape)
    x = tf.map_fn(one, encoded, fn_output_signature=tf.TensorSpec(shape, tf.float32))
    return x if how.white is None else x * tf.constant(how.white / 255, tf.float32)


def grey(image):
    """uint8 (h, w, 1), of a uint8 image (h, w, 3): Pillow's whole-number luma, which leaves a grey image as it is."""
    light = tf.reduce_sum(tf.cast(image, tf.int32) * tf.constant(LUMA), axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(light + 0x8000, 16), tf.uint8)


def traced(found):
    """{signature: ConcreteFunction} of what `functions` gives.

    Raises:
        Misuse: a graph would call back into Python.
    """
    concrete = {name: function.get_concrete_function() for name, function in found.items()}
    for name, each in concrete.items():
        foreign = sorted(operations(each.graph.as_graph_def()) & set(PYTHON_OPS))
        if foreign:
            raise Misuse(f"`model` must answer by TensorFlow's own operations. Received: a graph of {name} with {foreign[0]}, "
                         "which calls Python. Write that part of its `call` with tf or keras.ops; bin/score works as it is.")
    return concrete


def operations(graph_def):
    """set of str, the operations of a GraphDef and of its functions."""
    nodes = list(graph_def.node) + [node for function in graph_def.library.function for node in function.node_def]
    return {node.op for node in nodes}


def save(concrete, folder):
    """Writes a SavedModel of signatures, with the variables that these read and no others.

    Args:
        concrete: {signature: ConcreteFunction}.
        folder: Path, empty.
    """
    module = tf.Module()
    # Neither Keras objects, nor what only training needs, nor the stages before: a loader needs TensorFlow and nothing else.
    read = {id(variable): variable for each in concrete.values() for variable in each.variables}
    module.read = list(read.values())
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)      # of names and microseconds that help nobody
    try:
        tf.saved_model.save(module, str(folder), signatures=concrete)
    finally:
        logging.set_verbosity(before)


def described(concrete):
    """{signature: {"inputs": {name: {"dtype", "shape"}}, "outputs": likewise}}, plain values."""
    def plain(specs):
        return {name: {"dtype": spec.dtype.name, "shape": [None, *spec.shape[1:]]} for name, spec in sorted(specs.items())}
    return {name: {"inputs": plain(each.structured_input_signature[1] or {spec.name: spec for spec in
                                                                          each.structured_input_signature[0]}),
                   "outputs": plain(each.structured_outputs)} for name, each in concrete.items()}
