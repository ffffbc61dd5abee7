"""What FITYMI sees and with which network: a view of each image, and a network from views to features."""
import os

from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.networks import backbones, coders, given, vit, vit_weights
from kerasnd.networks.viewing import NORMALIZATIONS, View

NAMES = ("auto", *vit.SIZES)
RESIZED = {"vit_b16": (256, 224), "vit_ti16": (256, 224)}       # the shorter side, and the square of it that is seen
WANDER = 8          # other images move by up to a so-manieth of their side in training


def choose(example_shape, encoder, backbone, pretrained, size, crop, normalization, flip, dropout, lora_rank, freeze_blocks,
           freeze_embeddings):
    """The user's network where given, else a built one, and the view of an image that it sees.

    Args:
        example_shape: tuple of int, or None where `encoder` tells it.
        encoder: Keras model from views to features, or None.
        the others: as in `kerasnd.methods.fitymi.FITYMI`.

    Returns:
        (tuple of int, View or None for tables, Keras model); weights that a .npz or a preset brings are not loaded yet.

    Raises:
        Misuse, BadData
    """
    arguments.choice("backbone", backbone, NAMES)
    arguments.choice("normalization", normalization, ("auto", *NORMALIZATIONS))
    arguments.switch("flip", flip)
    if encoder is not None and (pretrained or backbone != "auto"):
        raise Misuse(f"`encoder` must be given without `backbone` and `pretrained`. Received: backbone={backbone}, "
                     f"pretrained={pretrained!r}.")
    if pretrained.endswith(".keras"):
        encoder = backbones.whole_model(pretrained, (None, None, None))
    elif pretrained and backbone not in vit.SIZES:
        raise Misuse(f"`pretrained` must be a .keras file where `backbone` is none of {', '.join(vit.SIZES)}. Received: "
                     f"pretrained={pretrained!r}, backbone={backbone}.")
    elif pretrained and not pretrained.startswith(vit_weights.HUB) and not os.path.basename(pretrained).endswith(".npz"):
        raise Misuse(f"`pretrained` must be a .npz file, a .keras file or {vit_weights.HUB}PRESET. Received: {pretrained!r}.")
    if encoder is not None:
        given.model("encoder", encoder)
    if example_shape is None or encoder is not None and len(encoder.input_shape) != 4:
        example_shape = given.shape_of(example_shape, encoder)      # a network of images may see another size than they have
    arguments.shape("example_shape", example_shape)
    shape = tuple(int(side) for side in example_shape)
    if len(shape) == 1:
        view, network = None, encoder or _of_table(shape, backbone)
    else:
        view = _view(shape, encoder, backbone, pretrained, size, crop, normalization, flip)
        seen = (view.crop, view.crop, view.channels)
        network = encoder or (coders.build("auto", seen, None)[0] if backbone == "auto" else
                              vit.named(backbone, seen, dropout, lora_rank))
    if vit.blocks(network):
        if not lora_rank or freeze_blocks is not None or freeze_embeddings:
            half = len(vit.blocks(network)) // 2 if pretrained else 0
            vit.freeze(network, half if freeze_blocks is None else freeze_blocks, freeze_embeddings)
    else:
        for name, value, none in (("lora_rank", lora_rank, 0), ("freeze_blocks", freeze_blocks, None),
                                  ("freeze_embeddings", freeze_embeddings, False)):
            if value != none:
                raise Misuse(f"`{name}` must be left out but for a transformer. Received: {name}={value!r}. Set `trainable` of the "
                             "layers of your own network.")
    return shape, view, network


def load(network, pretrained):
    """Gives a transformer the weights of a file or a preset; a .keras file has brought its own. Raises Misuse, BadData."""
    if not pretrained.endswith(".keras"):
        vit_weights.load(network, pretrained)


def _of_table(shape, backbone):
    if backbone != "auto":
        raise Misuse(f"`backbone` must be auto for tables. Received: backbone={backbone}.")
    return coders.build("auto", shape, None)[0]


def _view(shape, encoder, backbone, pretrained, size, crop, normalization, flip):
    """The view of images of a shape that a network is to see."""
    side, channels = min(shape[:2]), shape[-1]
    if encoder is not None:
        if len(encoder.input_shape) != 4 or None in encoder.input_shape[1:] or encoder.input_shape[1] != encoder.input_shape[2]:
            raise Misuse(f"the network must see squares of a fixed size. Received: inputs of shape {encoder.input_shape}.")
        crop, channels = crop or encoder.input_shape[1], encoder.input_shape[-1]
    resized, square = RESIZED.get(backbone, (None, None))
    size, crop = size or resized or max(side, crop or 0), crop or square or side
    if backbone in RESIZED:
        channels = 3
    normalization = ("imagenet" if pretrained and channels == 3 else "none") if normalization == "auto" else normalization
    return View(size, crop, normalization, channels, flip, padding=crop // WANDER if size == crop else 0, name="view")
