"""Golden inputs: raw examples, and what the model in memory answers to them, for whoever loads the exported one."""
import io

import numpy as np
import tensorflow as tf

from kerasnd.errors import BadData
from kerasnd.serving import signatures

SIZES = (1, 7, 128)     # of the batches
FILES = 4               # images as PNG and JPEG: grey, colour, with an alpha channel
MOST_BYTES = 1 << 25    # of float32 examples that are kept


def inputs(detector, examples, names, how, sizes=SIZES, seed=0):
    """Batches for every signature.

    Args:
        detector: kerasnd.Detector.
        examples: array (n, ...) of raw examples, none of which calibrated; None: noise over the range of what was trained on.
        names: iterable of str, the signatures.
        how: signatures.Pixels.
        sizes: ints, of the batches of serving_default; the others get one of the middle size.
        seed: int >= 0.

    Returns:
        list of (signature, {input: array}); image_bytes are bytes (n,).
    """
    rng, shape = np.random.default_rng(seed), detector.normalizer.example_shape
    most = max(1, MOST_BYTES // (4 * int(np.prod(shape))))
    sizes = sorted({min(size, most) for size in sizes})
    x = noise(detector.normalizer, max(sizes), how, rng) if examples is None or not len(examples) else np.asarray(examples)[
        rng.choice(len(examples), max(sizes), replace=len(examples) < max(sizes))]
    raw, few = x.astype(np.float32), sizes[len(sizes) // 2]
    found = [("serving_default", {"x": raw[:size]}) for size in sizes]
    if detector.normalizer.imputes:
        missing = np.where(rng.random(raw[:few].shape) < 0.1, np.float32(np.nan), raw[:few])
        found.append(("serving_default", {"x": missing}))
    for name in names:
        if name == "serving_uint8":
            found.append((name, {"x": np.clip(np.round(raw[-few:]), 0, 255).astype(np.uint8)}))
        elif name == "image_bytes":
            found.append((name, {"image_bytes": image_files(shape, how, rng)}))
        elif name == "with_alpha":
            found.append((name, {"x": raw[-few:], "alpha": rng.uniform(0.01, 0.99, few).astype(np.float32)}))
        elif name == "reconstruct":
            found.append((name, {"x": raw[:few]}))
    return found


def noise(normalizer, n, how, rng):
    """float32 (n, ...), uniform over the range of the training examples as far as the normaliser knows it; pixels else."""
    low, high = np.zeros(()), np.asarray(65535.0 if how.bits == 16 else how.white or 255.0)
    if normalizer.scaling in ("unit", "minmax"):
        low = normalizer.offset.numpy().astype(np.float64)
        high = low + 1 / normalizer.factor.numpy()
    elif normalizer.scaling == "standard":
        low, high = (normalizer.offset.numpy() + sign * 2 / normalizer.factor.numpy() for sign in (-1, 1))
    x = rng.uniform(low, high, (n, *normalizer.example_shape))
    return (np.round(x) if len(normalizer.example_shape) == 3 and np.max(high) > 2 else x).astype(np.float32)


def image_files(shape, how, rng):
    """bytes (FILES,), images of several sizes and kinds, as clients send them."""
    from PIL import Image

    if how.bits == 16:
        made = [(rng.integers(0, 65536, (shape[0] + 3 * number, shape[1] + number), np.uint16), "PNG") for number in range(FILES)]
    else:
        made = [(_smooth(rng, shape[0] * 2, shape[1] + 3, channels), kind)
                for channels, kind in ((1, "PNG"), (3, "JPEG"), (4, "PNG"))]
        made.append((_smooth(rng, *shape[:2], 3), "PNG"))
    found = []
    for image, kind in made:
        file = io.BytesIO()
        Image.fromarray(image).save(file, kind)
        found.append(file.getvalue())
    return np.array(found, object)


def _smooth(rng, height, width, channels):
    """uint8 (h, w, c), or (h, w) of one channel: waves and a little noise, nearer to a photograph than noise alone."""
    wave = np.sin(np.linspace(0, 6, height))[:, None, None] * np.cos(np.linspace(0, 4, width))[None, :, None]
    image = 128 + 90 * wave + rng.normal(0, 12, (height, width, channels))
    image = np.clip(image, 0, 255).astype(np.uint8)
    return image[..., 0] if channels == 1 else image


def expected(verdict, name, given, how):
    """{output: array}, what the model in memory answers, not by way of the signature that is to be checked."""
    detector, x = verdict.detector, given.get("x")
    if name == "reconstruct":
        return {"reconstruction": np.asarray(detector.reconstruct(tf.constant(x)))}
    if name == "image_bytes":
        x = signatures.decoded(tf.constant(given["image_bytes"]), detector.normalizer.example_shape, how).numpy()
    found = verdict.predict(x, batch_size=len(x), verbose=0)
    if "alpha" in given:
        found["is_novel"] = found["p_value"] <= given["alpha"]
    if not np.isfinite(found["score"]).all():
        at = int(np.argmin(np.isfinite(found["score"])))
        raise BadData(f"golden examples must have finite scores. Received: {found['score'][at]} of example {at} of {name}. Give "
                      "`examples` like those that it is for.")
    return found


def write(path, verdict, batches, how):
    """Writes golden.npz, which is read without pickle.

    Args:
        path: Path.
        verdict: kerasnd.Verdict.
        batches: what `inputs` gives.
        how: signatures.Pixels.

    Returns:
        int, the examples in it.
    """
    arrays, scores, examples = {}, [], 0
    for number, (name, given) in enumerate(batches):
        answers = expected(verdict, name, given, how)
        arrays[f"{number}/signature"] = np.array(name)
        for key, value in given.items():
            if value.dtype == object:       # one row of bytes, and where each ends
                arrays[f"{number}/lengths"] = np.array([len(each) for each in value], np.int64)
                value = np.frombuffer(b"".join(value), np.uint8)
            arrays[f"{number}/in/{key}"] = value
        arrays.update({f"{number}/out/{key}": value for key, value in answers.items()})
        scores.append(np.abs(answers.get("score", np.zeros(0))))
        examples += len(next(iter(answers.values())))
    held_out = verdict.held_out.numpy()
    with open(path, "wb") as file:
        np.savez_compressed(file, cases=np.int64(len(batches)), held_out=held_out, alpha=np.float32(verdict.alpha),
                            scale=np.median(np.concatenate(scores).astype(np.float64)), **arrays)
    return examples
