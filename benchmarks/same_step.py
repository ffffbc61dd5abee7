"""The variants are one network: from equal weights and an equal batch, equal losses before and after one step."""
import os
import tempfile

import results
import worker
from cases import BATCH, CASES, adam, detector, images

TOLERANCE = 1e-4    # relative


class Different(AssertionError):
    """The networks that are to be compared are not the same."""


def report(options):
    """Yields Markdown.

    Raises:
        Different: a loss is not kerasnd's to `TOLERANCE`.
    """
    common = {"device": "cpu", "threads": options.threads}
    names, losses = ["kerasnd", "Keras' own layers"], {}
    with tempfile.TemporaryDirectory() as folder:
        common |= {"folder": folder, "cases": list(options.cases)}
        for side in ("keras", "torch") if options.torch else ("keras",):
            process = worker.Worker("same_step", common | {"side": side})
            try:
                for name, values in process.heard()["losses"].items():
                    losses.setdefault(name, []).extend(values)
            finally:
                process.close()
    if options.torch:
        names.append("PyTorch")
    rows, worst = [], 0.0
    for name, case in options.cases.items():
        for moment, when in enumerate(("at the start", "after one step")):
            values = [pair[moment] for pair in losses[name]]
            difference = max(abs(value / values[0] - 1) for value in values)
            rows.append((case.title, when, *(f"{value:.6g}" for value in values), f"{difference:.1e}"))
            worst = max(worst, difference)
    yield "## One network, one step"
    yield f"Training loss from the same weights and batch, in float32; relative differences up to {TOLERANCE:g} are accepted."
    yield results.table(("network", "loss", *names, "difference"), rows)
    if not worst <= TOLERANCE:
        raise Different(f"the losses must agree to {TOLERANCE:g}. Received: {worst:.1e}, see the table. The networks differ.")


def serve(spec, turns):
    """The process of one library: TensorFlow and PyTorch do not share one."""
    if spec["side"] == "torch":
        import torch_lenets
        torch_lenets.settle(spec)
    side = keras_losses if spec["side"] == "keras" else torch_losses
    turns.say(losses={name: side(CASES[name], os.path.join(spec["folder"], name + ".npz")) for name in spec["cases"]})
    turns.wait()


def keras_losses(case, path):
    """[(loss before, loss after one step)] of kerasnd's and of Keras' own layers; the start is written to `path`."""
    import numpy as np
    import tensorflow as tf

    from kerasnd.feeding import Feed
    feed, losses = Feed(images(case, BATCH), batch_size=BATCH), []
    batch = next(iter(feed.once()))
    first = detector(case)
    first.prepare(feed)
    second = detector(case, plain=True)
    second.set_weights(first.get_weights())
    np.savez(path, *[weight.numpy() for weight in first.trainable_weights], x=first.normalizer(batch[0]),
             center=first.center if case.method == "deep_svdd" else [0.0])
    for made in (first, second):
        made.compile(adam(case))
        step = tf.function(made.train_step)
        values = []
        for _ in range(2):
            made.reset_metrics()
            values.append(float(step(batch)["loss"]))
        losses.append(values)
    return losses


def torch_losses(case, path):
    """[(loss before, loss after one step)] of PyTorch, from the start in `path`."""
    import numpy as np
    import torch
    import torch_lenets
    with np.load(path) as start:
        network = torch_lenets.Network(case, start["center"])
        network.load([start[f"arr_{i}"] for i in range(len(start.files) - 2)])
        x = torch.from_numpy(start["x"].transpose(0, 3, 1, 2).copy())
    optimizer, values = torch_lenets.adam(network), []
    for _ in range(2):
        optimizer.zero_grad()
        loss = network(x)
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    return [values]
