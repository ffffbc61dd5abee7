"""ViT-B/16 on images of 224x224: passes and training steps of kerasnd, of Keras' own layers and of PyTorch, in both precisions.

A step is that of a classifier of two classes with dropout .1 by plain SGD, all weights training. It takes about 4 GiB of memory
a variant; a round of all of them takes minutes.
"""
import results
import worker

SIDE, BATCH, PATCH, WIDTH, DEPTH, HEADS, HIDDEN, DROPOUT = 224, 16, 16, 768, 12, 12, 3072, 0.1
WEIGHTS = 85_798_656
RATE = 4e-4
PRODUCTS = 17.5e9       # multiplications of an image's pass, those of the last block for the class token's sake included
KERASND, PYTORCH = "kerasnd", "PyTorch"


def report(options):
    """Yields Markdown, a table of passes and one of steps."""
    variants = {KERASND: {}, "Keras' own layers": {"library": "keras"}}
    if options.torch:
        variants[PYTORCH] = {"library": "torch"}
    variants |= {f"{name}, bfloat16": {**spec, "precision": "bfloat16"} for name, spec in variants.items()}
    specs = {name: spec | {"device": options.device, "threads": options.threads} for name, spec in variants.items()}
    answers, told = worker.measure("vit", specs, options.rounds, ("pass", "step"))
    for action, about in (("pass", "passes"), ("step", "training steps")):
        yield f"## ViT-B/16, {about}: {SIDE}x{SIDE} pixels, {BATCH} images"
        yield results.race({name: answer[action] for name, answer in answers.items()}, "images/s", "image", KERASND, PYTORCH)
    yield from told
    yield f"An image's pass is {2 * PRODUCTS / 1e9:.0f} GFLOP of products, its step three times that."


def serve(spec, turns):
    """The process of one variant."""
    works = (in_torch if spec.get("library") == "torch" else in_keras)(spec)
    for work in works.values():
        work()
    turns.say()
    while True:
        work = works[turns.wait()]
        work()
        turns.tell(BATCH)


def in_keras(spec):
    """{action: function}, of kerasnd's transformer or of one of Keras' layers."""
    import keras
    import tensorflow as tf

    from kerasnd import devices
    from kerasnd.networks import vit
    devices.prepare("none", device=spec["device"], threads=spec["threads"], precision=spec.get("precision", "float32"))
    network = plain(keras) if spec.get("library") == "keras" else vit.named("vit_b16", (SIDE, SIDE, 3), DROPOUT)
    if sum(int(tf.size(weight)) for weight in network.trainable_weights) != WEIGHTS:
        raise ValueError(f"ViT-B/16 has {WEIGHTS} weights")
    classifier = keras.Sequential([network, keras.layers.Dense(2, dtype="float32")])
    images = tf.random.stateless_normal((BATCH, SIDE, SIDE, 3), (0, 0))
    kinds = tf.range(BATCH) % 2
    classifier(images[:1])
    optimizer = keras.optimizers.SGD(RATE)
    optimizer.build(classifier.trainable_variables)

    @tf.function(autograph=False)
    def passed(images):
        return network(images, training=False)

    @tf.function(autograph=False)
    def step(images):
        with tf.GradientTape() as tape:
            logits = classifier(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(kinds, logits))
        optimizer.apply(tape.gradient(loss, classifier.trainable_variables), classifier.trainable_variables)
        return loss
    return {"pass": lambda: passed(images).numpy(), "step": lambda: step(images).numpy()}


def plain(keras):
    """The same network in Keras' own layers."""
    from keras import layers

    class Tokens(layers.Layer):
        def build(self, shape):
            self.token = self.add_weight(shape=(1, 1, WIDTH), name="token")
            self.positions = self.add_weight(shape=(1, shape[1] + 1, WIDTH), name="positions")

        def call(self, x):
            return keras.ops.concatenate([keras.ops.tile(self.token, (keras.ops.shape(x)[0], 1, 1)), x], 1) + self.positions
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Reshape((-1, WIDTH))(layers.Conv2D(WIDTH, PATCH, PATCH)(inputs))
    x = layers.Dropout(DROPOUT)(Tokens()(x))
    for _ in range(DEPTH):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.add([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)])
        y = layers.Dense(HIDDEN, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
        y = layers.Dense(WIDTH)(layers.Dropout(DROPOUT)(y))
        x = layers.add([x, layers.Dropout(DROPOUT)(y)])
    return keras.Model(inputs, layers.LayerNormalization(epsilon=1e-6)(x)[:, 0])


def in_torch(spec):
    """{action: function}; bfloat16 by autocast."""
    import torch
    import torch_lenets
    from torch import nn
    from torch.nn import functional
    device = torch_lenets.settle(spec)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(WIDTH, 1e-6), nn.LayerNorm(WIDTH, 1e-6)
            self.asked, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.dense = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, WIDTH),
                                       nn.Dropout(DROPOUT))

        def forward(self, x):
            q, k, v = self.asked(self.first(x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
            x = x + self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
            return x + self.dense(self.second(x))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
            self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
            self.positions = nn.Parameter(torch.zeros(1, 1 + (SIDE // PATCH) ** 2, WIDTH))
            self.blocks = nn.Sequential(nn.Dropout(DROPOUT), *[Block() for _ in range(DEPTH)])
            self.last = nn.LayerNorm(WIDTH, 1e-6)

        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2)
            return self.last(self.blocks(torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions)[:, 0])
    network, head = Network().to(device), nn.Linear(WIDTH, 2).to(device)
    if sum(weight.numel() for weight in network.parameters()) != WEIGHTS:
        raise ValueError(f"ViT-B/16 has {WEIGHTS} weights")
    optimizer = torch.optim.SGD([*network.parameters(), *head.parameters()], RATE)
    images, kinds = torch.randn(BATCH, 3, SIDE, SIDE, device=device), torch.arange(BATCH, device=device) % 2
    half = spec.get("precision") == "bfloat16"

    def passed():
        network.eval()
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
            return network(images).sum().item()

    def step():
        network.train()
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=half):
            loss = functional.cross_entropy(head(network(images)), kinds)
        loss.backward()
        optimizer.step()
        return loss.item()
    return {"pass": passed, "step": step}
