"""How long one request takes: an exported SavedModel, loaded without Keras, beside the same score compiled in memory.

Every method. Batches of 1 and 32, p50 and p95 over the requests of a round; what loading takes, what lies on the disk, and how much
memory.
"""
import statistics
import tempfile
import time
from pathlib import Path

import results
import worker

SIZES = (1, 32)                                 # of a batch
REQUESTS, SECONDS, LEAST = 200, 3, 5            # of a round: so many, or what so many seconds hold, but not fewer than the last
SHAPE, COLOUR = (28, 28, 1), (32, 32, 3)
LEARNED, FEWER = 1000, {"fitymi, ViT-B/16": 64}     # random images; of a network that takes long, its bank of features
HELD_OUT = 1000                                 # scores that calibrate
COMPILED, SERVED, BYTES = "compiled function, in memory", "SavedModel, serving_default", "SavedModel, image_bytes"

# Title: method, shape of an image, arguments of the constructor.
MODELS = {
    "autoencoder": ("autoencoder", SHAPE, {}),
    "rcae": ("rcae", SHAPE, {}),
    "arae": ("arae", SHAPE, {}),
    "ocnn": ("ocnn", SHAPE, {}),
    "deep_svdd": ("deep_svdd", SHAPE, {}),
    "deep_svdd, CIFAR-10": ("deep_svdd", COLOUR, {}),
    "deep_sad": ("deep_sad", SHAPE, {}),
    "vae": ("vae", SHAPE, {}),
    "semi_dgm": ("semi_dgm", SHAPE, {}),
    "supervised": ("supervised", SHAPE, {}),
    "gpnd": ("gpnd", SHAPE, {}),
    "score_sde": ("score_sde", SHAPE, {}),
    "fitymi, LeNet": ("fitymi", SHAPE, {}),
    "fitymi, ViT-B/16": ("fitymi", COLOUR, {"backbone": "vit_b16"}),
    "ssad": ("ssad", SHAPE, {}),
    "ocsvm": ("ocsvm", SHAPE, {}),
    "isoforest": ("isoforest", SHAPE, {}),
    "kde": ("kde", SHAPE, {}),
}


def report(options):
    """Yields Markdown, a table for each method."""
    yield f"## Latency of a request, up to {REQUESTS} requests a round"
    yield (f"Every method with the networks that it has by default, on images of {SHAPE}; those that are solved for in one piece "
           f"have learned {LEARNED} random images. Weights are random: the time does not depend on them. A round is {REQUESTS} "
           f"requests, or as many as {SECONDS} seconds hold, but at least {LEAST}. Loading includes the first request.")
    for name, (kind, shape, _) in MODELS.items():
        common = {"model": name, "device": options.device, "threads": options.threads}
        with tempfile.TemporaryDirectory() as folder:
            maker = worker.Worker("latency", {**common, "to": folder})
            try:
                size = maker.heard()["size"]
            except worker.Failed as error:
                yield f"### {name}: not served: {error}"
                continue
            finally:
                maker.close()
            specs = {COMPILED: common, SERVED: {**common, "from": folder}, BYTES: {**common, "from": folder, "files": True}}
            answers, told = worker.measure("latency", specs, options.rounds, tuple(map(str, SIZES)))
        yield f"### {name}{'' if shape == SHAPE else f', images of {shape}'}: {size / 1024:.0f} KiB on the disk"
        yield table(answers)
        yield from told


def table(answers):
    """str, Markdown.

    Args:
        answers: {variant: {batch size: list of {"p50", "p95", "load", "memory", "requests"}, one a round}}.

    Returns:
        Medians over the rounds; the ratio is that of the rounds' own p50.
    """
    rows = []
    for size in map(str, SIZES):
        for name, rounds in answers.items():
            middle = {key: statistics.median(each[key] for each in rounds[size]) for key in ("p50", "p95", "load")}
            base = answers.get(COMPILED, {}).get(size, [])
            ratio = statistics.median(a["p50"] / b["p50"] for a, b in zip(rounds[size], base)) if base else float("nan")
            more = statistics.median(a["p50"] - b["p50"] for a, b in zip(rounds[size], base)) if base else float("nan")
            last = rounds[size][-1]
            rows.append((name, size, f"{1e3 * middle['p50']:.2f}", f"{1e3 * middle['p95']:.2f}", f"{ratio:.2f}",
                         f"{1e3 * more:+.2f}", f"{middle['load']:.2f}", f"{last['memory']:.0f}", last["requests"]))
    heads = ("variant", "batch", "p50 ms", "p95 ms", "p50 times compiled", "ms more", "s to load", "peak MiB", "requests a round")
    return results.table(heads, rows)


def serve(spec, turns):
    """The process of one variant, or that which exports where `spec` has "to"."""
    if "to" in spec:
        return export(spec, turns)
    import tensorflow  # noqa: F401 (its own import is no part of loading)
    began = time.perf_counter()
    ask = (loaded if "from" in spec else compiled)(spec)
    ask(0)
    load = time.perf_counter() - began      # with the first request, which readies the graph
    for size in SIZES:
        ask(size)
    turns.say()
    while True:
        size, seconds = int(turns.wait()), []
        while len(seconds) < LEAST or len(seconds) < REQUESTS and sum(seconds) < SECONDS:
            began = time.perf_counter()
            ask(size)
            seconds.append(time.perf_counter() - began)
        twentieths = statistics.quantiles(seconds, n=20, method="inclusive")
        turns.tell(len(seconds), p50=statistics.median(seconds), p95=twentieths[-1], load=load, requests=len(seconds))


def export(spec, turns):
    """Writes the SavedModel, and says its size in bytes."""
    from kerasnd.serving import served
    to = Path(spec["to"])
    served.write(verdict(spec["model"]), to, sizes=(1,))
    turns.say(size=sum(path.stat().st_size for path in to.rglob("*") if path.is_file() and "assets.extra" not in path.parts))


def verdict(model):
    """Verdict of a detector that has all that its score needs; the steps of its training change no time and are left out."""
    import keras
    import numpy as np

    from kerasnd.calibration import Verdict
    from kerasnd.feeding import Feed
    from kerasnd.methods import SOLVED, method
    name, shape, arguments = MODELS[model]
    keras.utils.set_random_seed(0)
    made = method(name)(shape, **arguments)
    x = images(shape, FEWER.get(model, LEARNED))
    if name in SOLVED:
        made.fit(x, hints(len(x)) if made.takes_hints else None, verbose=0)
    else:
        made.compile()
        feed = Feed(x, hints(len(x)), 128) if made.takes_hints else Feed(x, None, 128)
        for step in (made.ready, made.prepare, made.finish):
            step(feed)
    return Verdict.of(made, np.arange(HELD_OUT, dtype=np.float32))


def images(shape, n):
    """uint8 (n, *shape), random."""
    import numpy as np
    return np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)


def hints(n):
    """int8 (n,): every tenth is a known anomaly, some are known normals."""
    import numpy as np
    place = np.arange(n)
    return np.where(place % 10 == 0, -1, np.where(place % 10 == 1, 1, 0)).astype(np.int8)


def compiled(spec):
    """Function of a batch size: the verdicts of so many raw images, by a graph in memory."""
    import tensorflow as tf
    shape, judge = MODELS[spec["model"]][1], verdict(spec["model"])
    judged = tf.function(lambda x: judge.judged(judge.detector.score(x)),
                         input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
    x = tf.constant(images(shape, max(SIZES)), tf.float32)
    batches = {size: x[:max(size, 1)] for size in (0, *SIZES)}
    return lambda size: judged(batches[size])["is_novel"].numpy()


def loaded(spec):
    """The same, by the exported model; neither kerasnd nor Keras is asked."""
    import tensorflow as tf
    signatures = tf.saved_model.load(spec["from"]).signatures
    x = images(MODELS[spec["model"]][1], max(SIZES))
    name = "image_bytes" if spec.get("files") else "serving_default"
    x = {"image_bytes": tf.stack([tf.io.encode_png(each) for each in x])} if spec.get("files") else {"x": tf.cast(x, tf.float32)}
    batches = {size: {key: value[:max(size, 1)] for key, value in x.items()} for size in (0, *SIZES)}
    return lambda size: signatures[name](**batches[size])["is_novel"].numpy()
