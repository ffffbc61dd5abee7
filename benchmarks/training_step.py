"""Training steps a second: kerasnd through `Detector.fit`, input pipeline included, beside PyTorch on one resident batch."""
import os

import results
import worker
from cases import BATCH, CASES, adam, detector, hints, images

KERASND, PYTORCH = "kerasnd", "PyTorch"


def variants(case, options):
    """{title: what distinguishes it}."""
    chosen = {
        KERASND: {},
        f"{KERASND}, bfloat16": {"precision": "bfloat16"},
        f"{KERASND}, steps_per_execution=1": {"steps_per_execution": 1},
        f"{KERASND}, Keras' own layers": {"plain": True},
    }
    if case.method == "deep_svdd":
        chosen[f"{KERASND}, Deep SAD"] = {"labelled": True}
    if options.more or options.compilers and case.method == "deep_svdd":
        other = options.device == "cpu"     # `jit_compile="auto"` compiles on GPUs only
        chosen[f"{KERASND}, jit_compile={other}"] = {"jit": other}
    if options.torch:
        chosen[PYTORCH] = torch = {"library": "torch"}
        if options.more:
            chosen[f"{PYTORCH}, malloc as it comes"] = torch | {"settled": False}
        if options.compilers:
            chosen[f"{PYTORCH}, torch.compile"] = torch | {"compiled": True}
        if options.more:
            chosen[f"{PYTORCH}, torch.compile, bfloat16"] = torch | {"compiled": True, "precision": "bfloat16"}
    return chosen


def report(options):
    """Yields Markdown, a table for each case."""
    yield f"## Training step, batch {BATCH}"
    for name, case in options.cases.items():
        common = {"case": name, "device": options.device, "threads": options.threads}
        specs = {title: common | spec for title, spec in variants(case, options).items()}
        answers, told = worker.measure("training_step", specs, options.rounds)
        yield f"### {case.title}: {case.weights} weights"
        yield results.race({title: answer["go"] for title, answer in answers.items()}, "steps/s", "step", KERASND, PYTORCH)
        yield from told


def serve(spec, turns):
    """The process of one variant."""
    (serve_torch if spec.get("library") == "torch" else serve_keras)(spec, turns)


def serve_keras(spec, turns):
    import keras

    from kerasnd import devices
    case = CASES[spec["case"]]
    devices.prepare("none", device=spec["device"], threads=spec["threads"], precision=spec.get("precision", "float32"))
    made = detector(case, spec.get("plain", False), spec.get("labelled", False))
    made.compile(adam(case), spec.get("steps_per_execution", "auto"), spec.get("jit", "auto"))

    # One long fit, held before each epoch: what happens once in a training is no part of a round.
    def hold(epoch, logs):
        if epoch == 2:
            turns.say()
        if epoch >= 2:
            turns.wait()

    def tell(epoch, logs):
        if epoch >= 2:
            turns.tell(case.steps)
    n = case.steps * BATCH
    made.fit(images(case, n), hints(n) if spec.get("labelled") else None, batch_size=BATCH, seed=0, epochs=10 ** 6, verbose=0,
             callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=hold, on_epoch_end=tell)])


def serve_torch(spec, turns):
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")      # no processes of its own
    import torch
    import torch_lenets
    case, device = CASES[spec["case"]], torch_lenets.settle(spec)
    network = torch_lenets.Network(case, torch.ones(case.lenet.latent_dim)).to(device)
    optimizer = torch_lenets.adam(network)
    loss = torch.compile(network) if spec.get("compiled") else network
    height, width, channels = case.lenet.shape
    x = torch.rand(BATCH, channels, height, width, device=device)
    half = spec.get("precision") == "bfloat16"

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=half):
                value = loss(x)
            value.backward()
            optimizer.step()
        torch_lenets.finish(device)
    train(3)
    turns.say()
    while True:
        turns.wait()
        train(case.steps)
        turns.tell(case.steps)
