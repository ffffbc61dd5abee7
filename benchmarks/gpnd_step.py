"""A training step of GPND, four players: kerasnd in float32 and bfloat16, beside the same step in PyTorch."""
import results
import worker

SHAPE, BATCH, UNITS = (32, 32, 1), 64, 16
STEPS = 4               # of a round
PRODUCTS = 66.2e9       # multiplications of the step's convolutions, forward and backward, encoder once
KERASND, PYTORCH = "kerasnd", "PyTorch"


def report(options):
    """Yields Markdown."""
    half = {"precision": "bfloat16"}
    variants = {KERASND: {}, f"{KERASND}, bfloat16": half, f"{KERASND}, bfloat16, Keras' own layers": half | {"quick": False}}
    if options.torch:
        variants |= {PYTORCH: {"library": "torch"}, f"{PYTORCH}, bfloat16": half | {"library": "torch"}}
    specs = {name: spec | {"device": options.device, "threads": options.threads} for name, spec in variants.items()}
    answers, told = worker.measure("gpnd_step", specs, options.rounds)
    yield f"## GPND's training step: {SHAPE[0]}x{SHAPE[1]} pixels, code of {UNITS}, {BATCH} images"
    yield results.race({name: answer["go"] for name, answer in answers.items()}, "steps/s", "step", KERASND, PYTORCH)
    yield from told
    yield f"A step of {KERASND} has {2 * PRODUCTS / 1e9:.0f} GFLOP of convolutions, forward and backward."


def serve(spec, turns):
    """The process of one variant."""
    step = (step_in_torch if spec.get("library") == "torch" else step_in_keras)(spec)
    for _ in range(2):
        step()
    turns.say()
    while True:
        turns.wait()
        for _ in range(STEPS):
            step()
        turns.tell(STEPS)


def step_in_keras(spec):
    """A function without arguments: one step of `kerasnd.methods.gpnd`."""
    import tensorflow as tf

    from kerasnd import devices, optimizers
    from kerasnd.methods import method
    from kerasnd.networks import strided
    devices.prepare("none", device=spec["device"], threads=spec["threads"], precision=spec.get("precision", "float32"))
    if not spec.get("quick", True):
        strided.quick = lambda *_: False
    detector = method("gpnd")(SHAPE, latent_dim=UNITS, preprocess="none")
    detector.compile(optimizers.make(1, learning_rate=2e-3, beta_1=0.5))
    x = tf.random.stateless_uniform((BATCH, *SHAPE), (0, 0))
    taken = tf.function(lambda: detector.train_step((x, None, None)), autograph=False)
    return lambda: [value.numpy() for value in taken().values()]


def step_in_torch(spec):
    """The step as the paper has it: the encoder twice, a sigmoid before every cross-entropy, an optimiser for each player."""
    import torch
    import torch_lenets
    from torch import nn
    device = torch_lenets.settle(spec)

    def halving(narrow, wides, slope=0.2):
        parts = []
        for level, wide in enumerate(wides):
            parts += [nn.Conv2d(narrow, wide, 4, 2, 1), *([nn.BatchNorm2d(wide)] if level else []), nn.LeakyReLU(slope)]
            narrow = wide
        return parts
    g = nn.Sequential(*halving(SHAPE[-1], (128, 256, 512)), nn.Conv2d(512, UNITS, 4), nn.Flatten())
    d_x = nn.Sequential(*halving(SHAPE[-1], (64, 256, 512)), nn.Conv2d(512, 1, 4), nn.Flatten(), nn.Sigmoid())
    d_z = nn.Sequential(nn.Linear(UNITS, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1),
                        nn.Sigmoid())
    grown = [nn.Unflatten(1, (UNITS, 1, 1)), nn.ConvTranspose2d(UNITS, 256, 4), nn.BatchNorm2d(256), nn.ReLU()]
    for narrow, wide in ((256, 256), (256, 128)):
        grown += [nn.ConvTranspose2d(narrow, wide, 4, 2, 1), nn.BatchNorm2d(wide), nn.ReLU()]
    f = nn.Sequential(*grown, nn.ConvTranspose2d(128, SHAPE[-1], 4, 2, 1))
    for network in (g, d_x, d_z, f):
        network.to(device)

    def redrawn(code):
        return torch.tanh(f(code)) * 0.5 + 0.5
    optimizers = [torch.optim.Adam(parameters, 2e-3, (0.5, 0.999)) for parameters in (
        d_x.parameters(), f.parameters(), d_z.parameters(), [*g.parameters(), *f.parameters()])]
    x = torch.rand(BATCH, SHAPE[-1], *SHAPE[:2], device=device)
    one, zero = torch.ones(BATCH, 1, device=device), torch.zeros(BATCH, 1, device=device)
    half = spec.get("precision") == "bfloat16"

    def drawn():
        return torch.randn(BATCH, UNITS, device=device)

    def bce(p, wanted):
        with torch.autocast(device, enabled=False):
            return nn.functional.binary_cross_entropy(p.float(), wanted)

    def reconstruction():
        code = g(x)
        return bce(d_z(code), one) + 2 * bce(redrawn(code), x)
    losses = (([d_x], lambda: bce(d_x(x), one) + bce(d_x(redrawn(drawn()).detach()), zero)),
              ([f], lambda: bce(d_x(redrawn(drawn())), one)),
              ([d_z], lambda: bce(d_z(drawn()), one) + bce(d_z(g(x).detach()), zero)), ([g, f], reconstruction))

    def step():
        for optimizer, (networks, loss) in zip(optimizers, losses):
            for network in networks:
                network.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=half):
                value = loss()
            value.backward()
            optimizer.step()
            value.item()
    return step
