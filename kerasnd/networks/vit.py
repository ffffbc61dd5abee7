"""Vision transformers: from normalised images to the feature of the class token.

    tokens = (learnt one, W p for each patch p) + positions;  `depth` blocks;  feature = normalised class token
"""
import keras
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.networks.transformer import Block, ClassFeature, Tokens

# Sizes. The first two are published; the last is ours, for 28x28 and 32x32 images and training from nothing on few cores.
SIZES = {
    "vit_b16": {"patch": 16, "width": 768, "depth": 12, "heads": 12, "hidden": 3072},
    "vit_ti16": {"patch": 16, "width": 192, "depth": 12, "heads": 3, "hidden": 768},
    "vit_small_images": {"patch": 4, "width": 96, "depth": 4, "heads": 4, "hidden": 192},
}


def vit(shape, patch, width, depth, heads, hidden, dropout=0.1, lora_rank=0, name="vit"):
    """A vision transformer whose blocks normalise first (Dosovitskiy et al. 2021).

    Args:
        shape: (int, int, int), height, width and channels; the sides are multiples of `patch`.
        patch: int >= 1, side of a patch.
        width: int >= 1, units of a token; a multiple of `heads`.
        depth: int >= 1, blocks.
        heads: int >= 1.
        hidden: int >= 1, units between the two dense layers of a block.
        dropout: float in [0, 1), after the positions and in every block's dense layers.
        lora_rank: int >= 0; above 0 only this rank's additions to q and v train, until the caller lets more (see `freeze`).
        name: str.

    Returns:
        Keras model, images (n, *shape) to float32 (n, width). Layers: "tokens", "block_0" and on, "feature".

    Raises:
        Misuse: an argument is out of its range; a side is no multiple of `patch`, `width` none of `heads`.

    The last block works for the class token alone, which is all that the feature sees. Differs: weights start as Google's do, as
    the published code only ever trains loaded ones.
    """
    shape = tuple(shape)
    for argument, value in {"patch": patch, "width": width, "depth": depth, "heads": heads, "hidden": hidden}.items():
        arguments.whole(argument, value, 1)
    arguments.whole("lora_rank", lora_rank, 0)
    arguments.number("dropout", dropout, at_least=0, below=1)
    arguments.shape("shape", shape)
    if len(shape) != 3 or shape[0] % patch or shape[1] % patch:
        raise Misuse(f"`shape` must be that of images whose sides are multiples of the patch {patch}. Received: shape={shape}. "
                     "Resize the images, or take another patch.")
    if width % heads:
        raise Misuse(f"`width` must be a multiple of the {heads} heads. Received: width={width}.")
    inputs = keras.Input(shape)
    x = Tokens(patch, width, dropout, name="tokens", trainable=not lora_rank)(inputs)
    for level in range(depth):
        x = Block(heads, hidden, dropout, class_only=level == depth - 1, lora_rank=lora_rank, name=f"block_{level}")(x)
    return keras.Model(inputs, ClassFeature(name="feature", trainable=not lora_rank)(x), name=name)


def named(size, shape, dropout=0.1, lora_rank=0):
    """The transformer of one of the `SIZES`, see `vit`.

    Raises:
        Misuse: there is no such size, or it does not fit the shape.
    """
    arguments.choice("network", size, SIZES)
    return vit(shape, **SIZES[size], dropout=dropout, lora_rank=lora_rank, name=size)


def blocks(model):
    """list of `Block`, those of a transformer that `vit` built, from the image on."""
    return [layer for layer in model.layers if isinstance(layer, Block)]


def rollout(model, images):
    """How much of the feature's attention goes to each patch, through all blocks (attention rollout).

    Half of what a token becomes in a block is itself, half what it attends to, the heads' mean; the blocks' shares are multiplied.

    Args:
        model: what `vit` built.
        images: float (b, height, width, channels), as the model sees them.

    Returns:
        float32 (b, rows of patches, columns), >= 0; with what stays at the class token an image's add up to 1.

    Source: Abnar, Zuidema (2020), Quantifying attention flow in transformers, ACL.
    """
    tokens = model.get_layer("tokens")
    x, shares = tokens(images), None
    for block in blocks(model):
        taken = tf.reduce_mean(tf.cast(block.attention(x), tf.float32), 1)
        kept = tf.eye(x.shape[1])[:taken.shape[1]]       # the last block's row is the class token's, the first
        each = 0.5 * taken + 0.5 * kept
        shares = each if shares is None else tf.matmul(each, shares)
        x = block(x)
    return tf.reshape(shares[:, 0, 1:], (-1, *tokens.grid))


def spread(shares, shape):
    """Shares of patches (b, rows, columns) as shares of their pixels, (b, height, width); their sum stays."""
    high, wide = (side // count for side, count in zip(shape, shares.shape[1:]))
    return tf.repeat(tf.repeat(shares / (high * wide), high, axis=1), wide, axis=2)


def freeze(model, first=0, embeddings=False):
    """Says what of a transformer trains; the rest of the blocks and the last normalisation do.

    Args:
        model: what `vit` built; an own network of other layers stays as it is.
        first: int in 0..depth, blocks that do not train, counted from the image on; depth - 1 leaves the last one.
        embeddings: bool, patches, class token and positions do not train either.

    Raises:
        Misuse: there are fewer blocks; an own network has no embeddings.
    """
    found = blocks(model)
    arguments.whole("freeze_blocks", first, 0)
    arguments.switch("freeze_embeddings", embeddings)
    if first > len(found):
        raise Misuse(f"`freeze_blocks` must be at most {len(found)}, the blocks of the network. Received: freeze_blocks={first}.")
    if not found and embeddings:
        raise Misuse("`freeze_embeddings` must be false for an own network. Received: true. Set its layers' `trainable` instead.")
    if found:
        model.get_layer("tokens").trainable = not embeddings
    for level, block in enumerate(found):
        block.trainable = level >= first
