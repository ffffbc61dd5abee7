"""Images scored a second by the encoders: `Detector.predict` on raw images beside PyTorch on one resident batch."""
import os

import results
import worker
from cases import CASES, detector, images

BATCH = 512
# the encoders, and the batches of a round
BATCHES = {"mnist-encoder": 20, "cifar10-encoder": 4}
KERASND, PYTORCH = "kerasnd", "PyTorch"


def variants(options):
    """{name: what distinguishes it}."""
    chosen = {KERASND: {}, f"{KERASND}, bfloat16": {"precision": "bfloat16"}, f"{KERASND}, Keras' own layers": {"plain": True}}
    if options.torch:
        chosen[PYTORCH] = {"library": "torch"}
    if options.torch and options.compilers:
        chosen[f"{PYTORCH}, torch.compile"] = {"library": "torch", "compiled": True}
    return chosen


def report(options):
    """Yields Markdown, a table for each encoder."""
    encoders = [name for name in options.cases if name in BATCHES]
    if encoders:
        yield f"## Inference, batch {BATCH}"
    for name in encoders:
        common = {"case": name, "device": options.device, "threads": options.threads}
        specs = {title: common | spec for title, spec in variants(options).items()}
        answers, told = worker.measure("inference", specs, options.rounds)
        yield f"### {CASES[name].title}"
        yield results.race({title: answer["go"] for title, answer in answers.items()}, "images/s", "image", KERASND, PYTORCH)
        yield from told


def serve(spec, turns):
    """The process of one variant."""
    (serve_torch if spec.get("library") == "torch" else serve_keras)(spec, turns)


def serve_keras(spec, turns):
    from kerasnd import devices
    case, n = CASES[spec["case"]], BATCH * BATCHES[spec["case"]]
    devices.prepare("none", device=spec["device"], threads=spec["threads"], precision=spec.get("precision", "float32"))
    made, x = detector(case, spec.get("plain", False)), images(case, n)
    made.compile()
    made.predict(x, batch_size=BATCH, verbose=0)
    turns.say()
    while True:
        turns.wait()
        made.predict(x, batch_size=BATCH, verbose=0)
        turns.tell(n)


def serve_torch(spec, turns):
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    import torch
    import torch_lenets
    case, batches, device = CASES[spec["case"]], BATCHES[spec["case"]], torch_lenets.settle(spec)
    network = torch_lenets.Network(case, torch.ones(case.lenet.latent_dim)).to(device).eval()
    score = torch.compile(network.score) if spec.get("compiled") else network.score
    height, width, channels = case.lenet.shape
    x = torch.rand(BATCH, channels, height, width, device=device)

    def predict(times):
        with torch.inference_mode():
            for _ in range(times):
                score(x)
        torch_lenets.finish(device)
    predict(2)
    turns.say()
    while True:
        turns.wait()
        predict(batches)
        turns.tell(BATCH * batches)
