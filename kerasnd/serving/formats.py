"""A calibrated detector as one file for small machines or other runtimes: LiteRT or ONNX, checked against the model in memory."""
import re

import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.atomic import whole
from kerasnd.errors import BadData, Misuse
from kerasnd.process import muffled
from kerasnd.serving import golden, served

SUFFIXES = {"litert": ".tflite", "onnx": ".onnx"}
RELATIVE, FLOOR = 1e-4, 1e-5        # of a score, and of the largest score's size: other runtimes round otherwise
OPSET = 17
ELSEWHERE = "Leave `format` at saved_model: that serves every method."


def export(model, to, format, alpha=None, *, examples=None, dtype=None, sizes=golden.SIZES):
    """Writes `x` float32 (n, ...), raw -> score, p_value and is_novel (n,) as one file, whole or not at all.

    Args:
        model, alpha, examples, dtype, sizes: as in `served.export`.
        to: path of the file, .tflite or .onnx.
        format: "litert" or "onnx".

    Returns:
        Path of the file, after its answers to the examples were those of the model in memory (scores to 1e-4).

    Raises:
        Misuse: no such format; its packages are not installed; it lacks an operation that the score needs. BadData: the file
            answers otherwise than the model in memory.
    """
    arguments.choice("format", format, SUFFIXES)
    if not str(to).endswith(SUFFIXES[format]):
        raise Misuse(f"`to` must end in {SUFFIXES[format]} for the format {format}. Received: {to}.")
    verdict = served.plain(served.calibrated(model, alpha))
    how = served.pixels(verdict.detector.normalizer, dtype or getattr(examples, "dtype", "uint8"))
    convert, answering = {"litert": (to_litert, litert_answers), "onnx": (to_onnx, onnx_answers)}[format]
    content = convert(judging(verdict), type(verdict.detector).__name__)
    batches = golden.inputs(verdict.detector, examples, [], how, sizes)
    with whole(to) as temporary:
        temporary.write_bytes(content)
        answer = answering(temporary)
        for name, given in batches:
            _compare(verdict, answer(given["x"]), golden.expected(verdict, name, given, how), format)
    return to


def judging(verdict):
    """tf.function of x; p-values by counting, which every runtime can."""
    shape, kept = verdict.detector.normalizer.example_shape, verdict.held_out.numpy()
    n = float(len(kept))

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32, name="x")])
    def judged(x):
        score, held_out = verdict.detector.score(x), tf.constant(kept)      # made here: else it would be an input in ONNX
        # What is not finite counts as larger than all, as in `Verdict.p_value`. No infinity: ONNX chooses by multiplying with 0.
        seen = tf.where(tf.abs(score) <= tf.float32.max, score, tf.fill(tf.shape(score), tf.float32.max))
        above = tf.reduce_sum(tf.cast(held_out[None] >= seen[:, None], tf.float32), axis=1)
        p_value = (1.0 + above) / (n + 1.0)
        return {"score": score, "p_value": tf.identity(p_value, "p_value"),
                "is_novel": tf.identity(p_value <= np.float32(verdict.alpha), "is_novel")}
    return judged


def to_litert(function, method):
    """bytes, of a .tflite. Raises Misuse for an operation that LiteRT lacks."""
    concrete = function.get_concrete_function()
    module = tf.Module()
    module.read = list(concrete.variables)
    try:
        with muffled():         # hundreds of lines of where each operation is from
            return tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert()
    except Exception as error:
        raise _refusal("litert", method, error) from error


def to_onnx(function, method):
    """bytes, of an .onnx. Raises Misuse for an operation that ONNX lacks, or without the package that converts."""
    try:
        import tf2onnx
    except ImportError as error:
        raise _missing("onnx", "tf2onnx") from error
    try:
        with muffled():
            return tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)[
                0].SerializeToString()
    except Exception as error:
        raise _refusal("onnx", method, error) from error


def litert_answers(path):
    """Function of x (n, ...) -> {output: array}, by the LiteRT interpreter."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise _missing("litert", "ai-edge-litert") from error
    run = Interpreter(model_path=str(path)).get_signature_runner()
    return lambda x: run(x=x)


def onnx_answers(path):
    """The same, by onnxruntime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("onnx", "onnxruntime") from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _refusal("onnx", "the detector", error) from error
    names = [each.name for each in session.get_outputs()]
    return lambda x: dict(zip(names, session.run(names, {session.get_inputs()[0].name: x})))


def _missing(format, package):
    return Misuse(f"`format` must be one whose packages are installed. Received: format={format} without {package}. Run pip "
                  f"install 'kerasnd[{format}]'.")


def _refusal(format, method, error):
    """Misuse, with the names of the operations that an error speaks of."""
    names = re.findall(r"'tf\.(\w+)' op|Tensorflow op \[[^\]]*: (\w+)\] is not supported", str(error))
    found = list(dict.fromkeys(filter(None, (name for pair in names for name in pair))))
    told = f"the operation {', '.join(found[:5])}" if found else " ".join(str(error).split())[:200]
    return Misuse(f"`format` must be one that has all that the score of {method} needs. Received: format={format}, which lacks "
                  f"{told}. {ELSEWHERE}")


def _compare(verdict, found, was, format):
    """Raises BadData where an answer is another."""
    score, expected = np.asarray(found["score"], np.float64), was["score"].astype(np.float64)
    held_out = verdict.held_out.numpy()
    may = RELATIVE * np.abs(expected) + FLOOR * max(np.abs(expected).max(initial=0), np.abs(held_out).max())
    off = np.abs(score - expected) > may
    # p-values may pass as many held-out scores as lie within the rounding, and no more
    n = len(held_out)
    low, high = ((1 + n - np.searchsorted(held_out.astype(np.float64), expected + sign * may, side="left")) / (n + 1)
                 for sign in (1, -1))
    off |= (found["p_value"] < low - 1e-5) | (found["p_value"] > high + 1e-5)
    off |= np.asarray(found["is_novel"]) != (np.asarray(found["p_value"]) <= np.float32(verdict.alpha))
    if off.any():
        at = int(np.argmax(off))
        raise BadData(f"the {format} file does not answer as the model in memory: example {at} of {len(off)} has score "
                      f"{score[at]:.7g} and p-value {found['p_value'][at]:.4g} where they were {expected[at]:.7g} and "
                      f"{was['p_value'][at]:.4g}. {ELSEWHERE}")
