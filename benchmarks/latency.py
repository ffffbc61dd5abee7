"""How long one request takes: an exported SavedModel, loaded without Keras, beside the same score compiled in memory.

Batches of 1 and 32, p50 and p95 over the requests of a round; what loading takes, what lies on the disk, and how much memory.
"""
import statistics
import tempfile
import time
from pathlib import Path

import results
import worker
from cases import CASES, detector, images

SIZES, REQUESTS = (1, 32), 200      # of a batch; of a round
COMPILED, SERVED, BYTES = "compiled function, in memory", "SavedModel, serving_default", "SavedModel, image_bytes"
HELD_OUT = 1000                     # scores that calibrate


def report(options):
    """Yields Markdown, a table for each encoder."""
    encoders = [name for name in options.cases if name.endswith("encoder") and not name.endswith("autoencoder")]
    if encoders:
        yield f"## Latency of a request, {REQUESTS} requests a round"
    for name in encoders:
        common = {"case": name, "device": options.device, "threads": options.threads}
        with tempfile.TemporaryDirectory() as folder:
            maker = worker.Worker("latency", {**common, "to": folder})
            try:
                size = maker.heard()["size"]
            finally:
                maker.close()
            specs = {COMPILED: common, SERVED: {**common, "from": folder}, BYTES: {**common, "from": folder, "files": True}}
            answers, told = worker.measure("latency", specs, options.rounds, tuple(map(str, SIZES)))
        yield f"### {CASES[name].title}: {size / 1024:.0f} KiB on the disk"
        yield table(answers)
        yield from told


def table(answers):
    """str, Markdown.

    Args:
        answers: {variant: {batch size: list of {"p50", "p95", "load", "memory"}, one a round}}.

    Returns:
        Medians over the rounds; the ratio is that of the rounds' own p50.
    """
    rows = []
    for size in map(str, SIZES):
        for name, rounds in answers.items():
            middle = {key: statistics.median(each[key] for each in rounds[size]) for key in ("p50", "p95", "load")}
            base = answers.get(COMPILED, {}).get(size, [])
            ratio = statistics.median(a["p50"] / b["p50"] for a, b in zip(rounds[size], base)) if base else float("nan")
            rows.append((name, size, f"{1e3 * middle['p50']:.2f}", f"{1e3 * middle['p95']:.2f}", f"{ratio:.2f}",
                         f"{middle['load']:.2f}", f"{rounds[size][-1]['memory']:.0f}"))
    return results.table(("variant", "batch", "p50 ms", "p95 ms", "p50 times compiled", "s to load", "peak MiB"), rows)


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
        for _ in range(REQUESTS):
            began = time.perf_counter()
            ask(size)
            seconds.append(time.perf_counter() - began)
        twentieths = statistics.quantiles(seconds, n=20)
        turns.tell(REQUESTS, p50=statistics.median(seconds), p95=twentieths[-1], load=load)


def export(spec, turns):
    """Writes the SavedModel, and says its size in bytes."""
    import numpy as np

    from kerasnd.calibration import Verdict
    from kerasnd.serving import served
    to = Path(spec["to"])
    served.write(Verdict.of(detector(CASES[spec["case"]]), np.arange(HELD_OUT, dtype=np.float32)), to, sizes=(1,))
    turns.say(size=sum(path.stat().st_size for path in to.rglob("*") if path.is_file() and "assets.extra" not in path.parts))


def compiled(spec):
    """Function of a batch size: the verdicts of so many raw images, by a graph in memory."""
    import numpy as np
    import tensorflow as tf

    from kerasnd.calibration import Verdict
    case = CASES[spec["case"]]
    verdict = Verdict.of(detector(case), np.arange(HELD_OUT, dtype=np.float32))
    judged = tf.function(lambda x: verdict.judged(verdict.detector.score(x)),
                         input_signature=[tf.TensorSpec((None, *case.lenet.shape), tf.float32)])
    x = tf.constant(images(case, max(SIZES)), tf.float32)
    batches = {size: x[:max(size, 1)] for size in (0, *SIZES)}
    return lambda size: judged(batches[size])["is_novel"].numpy()


def loaded(spec):
    """The same, by the exported model; neither kerasnd nor Keras is asked."""
    import tensorflow as tf
    case = CASES[spec["case"]]
    signatures = tf.saved_model.load(spec["from"]).signatures
    x = images(case, max(SIZES))
    name = "image_bytes" if spec.get("files") else "serving_default"
    x = {"image_bytes": tf.stack([tf.io.encode_png(each) for each in x])} if spec.get("files") else {"x": tf.cast(x, tf.float32)}
    batches = {size: {key: value[:max(size, 1)] for key, value in x.items()} for size in (0, *SIZES)}
    return lambda size: signatures[name](**batches[size])["is_novel"].numpy()
