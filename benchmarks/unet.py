"""The U-Net of score-based generators: a training step and a forward pass, beside Keras' own layers and PyTorch."""
import results
import worker

SHAPE, BATCH, WIDTH, MULTIPLIERS = (28, 28, 1), 64, 32, (1, 2, 2)
KERASND, PYTORCH = "kerasnd", "PyTorch"
ACTIONS = {"step": 2, "forward": 4}     # and how many a round


def report(options):
    """Yields Markdown."""
    half = {"precision": "bfloat16"}
    variants = {KERASND: {}, f"{KERASND}, Keras' own layers": {"own": False}, f"{KERASND}, bfloat16": half,
                f"{KERASND}, bfloat16, Keras' own layers": half | {"own": False}}
    if options.torch:
        variants |= {PYTORCH: {"library": "torch"}, f"{PYTORCH}, bfloat16": half | {"library": "torch"}}
    specs = {name: spec | {"device": options.device, "threads": options.threads} for name, spec in variants.items()}
    answers, told = worker.measure("unet", specs, options.rounds, tuple(ACTIONS))
    yield f"## U-Net: {SHAPE[0]}x{SHAPE[1]} pixels, width {WIDTH}, {BATCH} images"
    for action, title in (("step", "A training step"), ("forward", "A forward pass")):
        yield f"{title}:"
        yield results.race({name: answer[action] for name, answer in answers.items()}, f"{action}s/s", "step", KERASND, PYTORCH)
    yield from told


def serve(spec, turns):
    """The process of one variant."""
    both = (in_torch if spec.get("library") == "torch" else in_keras)(spec)
    for run in both.values():
        run()
        run()
    turns.say()
    while True:
        action = turns.wait()
        for _ in range(ACTIONS[action]):
            both[action]()
        turns.tell(ACTIONS[action])


def in_keras(spec):
    """{action: function without arguments}, of `kerasnd.networks.unet`."""
    import keras
    import tensorflow as tf

    from kerasnd import devices
    from kerasnd.networks import unet
    devices.prepare("none", device=spec["device"], threads=spec["threads"], precision=spec.get("precision", "float32"))
    if not spec.get("own", True):
        unet.GroupNorm, unet.DoublingConv2D = plain_layers()
    network = unet.unet(SHAPE, WIDTH, MULTIPLIERS)
    optimizer = keras.optimizers.Adam(2e-4)
    optimizer.build(network.trainable_variables)
    x, noise = (tf.random.stateless_normal((BATCH, *SHAPE), (0, seed)) for seed in (0, 1))
    time = 999 * tf.random.stateless_uniform((BATCH,), (0, 2))

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network([x, time], training=True) - noise))
        optimizer.apply(tape.gradient(loss, network.trainable_variables))
        return loss
    # compiled by XLA on GPUs, as `Detector.compile` does
    taken, passed = (tf.function(function, autograph=False, jit_compile=spec["device"] == "gpu")
                     for function in (step, lambda: network([x, time], training=False)))
    return {"step": lambda: taken().numpy(), "forward": lambda: passed().numpy()}


def plain_layers():
    """What stands for `GroupNorm` and `DoublingConv2D`: the same functions, of Keras' layers."""
    import keras
    from keras import layers

    from kerasnd.networks.groups import fitting_groups

    def norm(groups=None, silu=True):
        def call(inputs):
            x, shift = inputs if isinstance(inputs, list) else (inputs, None)
            if shift is not None:
                x = layers.Add()([x, layers.Reshape((1, 1, -1))(shift)])
            x = layers.GroupNormalization(groups or fitting_groups(x.shape[-1]), epsilon=1e-6)(x)
            return layers.Activation("silu")(x) if silu else x
        return call

    def doubling(filters, kernel_initializer):
        return keras.Sequential([layers.UpSampling2D(), layers.Conv2D(filters, 3, padding="same",
                                                                      kernel_initializer=kernel_initializer)])
    return norm, doubling


def in_torch(spec):
    """The same network, as the original has it."""
    import math

    import torch
    import torch_lenets
    from torch import nn
    device = torch_lenets.settle(spec)
    half = spec.get("precision") == "bfloat16"

    def norm(channels):
        groups = next(groups for groups in range(min(channels // 4, 32), 0, -1) if channels % groups == 0)
        return nn.GroupNorm(groups, channels, 1e-6)

    class Block(nn.Module):
        def __init__(self, channels, wide):
            super().__init__()
            self.first, self.last = nn.Conv2d(channels, wide, 3, padding=1), nn.Conv2d(wide, wide, 3, padding=1)
            self.before, self.between, self.told = norm(channels), norm(wide), nn.Linear(4 * WIDTH, wide)
            self.short = nn.Conv2d(channels, wide, 1) if channels != wide else nn.Identity()
            self.drop = nn.Dropout(0.1)

        def forward(self, x, embedding):
            y = self.first(nn.functional.silu(self.before(x))) + self.told(embedding)[:, :, None, None]
            return self.short(x) + self.last(self.drop(nn.functional.silu(self.between(y))))

    class Attended(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.norm = norm(channels)
            self.three, self.last = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)

        def forward(self, x, _):
            q, k, v = (part.flatten(2).transpose(1, 2) for part in self.three(self.norm(x)).chunk(3, 1))
            seen = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(x.shape[1]), -1) @ v
            return x + self.last(seen.transpose(1, 2).reshape(x.shape))

    class Halved(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = nn.Conv2d(channels, channels, 3, 2)

        def forward(self, x, _):
            return self.conv(nn.functional.pad(x, (0, 1, 0, 1)))

    class Doubled(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)

        def forward(self, x, _):
            return self.conv(nn.functional.interpolate(x, scale_factor=2))

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.SiLU(), nn.Linear(4 * WIDTH, 4 * WIDTH), nn.SiLU())
            a, b, c = (WIDTH * multiplier for multiplier in MULTIPLIERS)
            self.begin = nn.Conv2d(SHAPE[-1], a, 3, padding=1)
            # lists are parts whose output is kept, and taken again on the way up; attention at 14 pixels
            self.down = nn.ModuleList(nn.ModuleList(parts) for parts in (
                [Block(a, a)], [Halved(a)], [Block(a, b), Attended(b)], [Halved(b)], [Block(b, c)]))
            self.middle = nn.ModuleList([Block(c, c), Attended(c), Block(c, c)])
            self.up = nn.ModuleList(nn.ModuleList(parts) for parts in (
                [Block(c + c, c)], [Block(c + b, c), Doubled(c)], [Block(c + b, b)], [Block(b + a, b), Attended(b), Doubled(b)],
                [Block(b + a, a)], [Block(a + a, a)]))
            self.end = nn.Sequential(norm(a), nn.SiLU(), nn.Conv2d(a, SHAPE[-1], 3, padding=1))
            self.frequency = torch.exp(-math.log(1e4) * torch.arange(WIDTH // 2) / (WIDTH // 2 - 1)).to(device)

        def forward(self, x, time):
            angle = time[:, None] * self.frequency
            embedding = self.embed(torch.cat([angle.sin(), angle.cos()], 1))
            kept = [self.begin(x)]
            for parts in self.down:
                x = kept[-1]
                for part in parts:
                    x = part(x, embedding)
                kept.append(x)
            for part in self.middle:
                x = part(x, embedding)
            for parts in self.up:
                x = torch.cat([x, kept.pop()], 1)
                for part in parts:
                    x = part(x, embedding)
            return self.end(x)
    network = UNet().to(device)
    if sum(weight.numel() for weight in network.parameters()) != 1_096_033:
        raise worker.Failed("PyTorch's network has another number of weights")
    optimizer = torch.optim.Adam(network.parameters(), 2e-4)
    x, noise = torch.randn(BATCH, SHAPE[-1], *SHAPE[:2], device=device), torch.randn(BATCH, SHAPE[-1], *SHAPE[:2], device=device)
    time = 999 * torch.rand(BATCH, device=device)

    def step():
        network.train()
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=half):
            y = network(x, time)
        loss = (y.float() - noise).square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    def forward():
        network.eval()
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=half):
            return network(x, time).float().cpu()
    return {"step": step, "forward": forward}
