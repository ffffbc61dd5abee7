"""Networks that come with what they have learnt: a transformer with weights of its own kind, or a user's whole model."""
import os

import keras

from kerasnd import arguments
from kerasnd.errors import BadData, Misuse
from kerasnd.networks import vit, vit_weights


def build(network, shape, pretrained=None, dropout=0.1, lora_rank=0):
    """A network from normalised images to features.

    Args:
        network: str, one of `vit.SIZES`; of no account where `pretrained` is a .keras file.
        shape: (int, int, int), height, width and channels of what the network sees.
        pretrained: None, a .npz or keras-hub preset (see `vit_weights.load`), or a .keras file (see `whole_model`).
        dropout: float in [0, 1), of a transformer.
        lora_rank: int >= 0, of a transformer, see `vit.vit`.

    Returns:
        Keras model, images (n, *shape) to features (n, d).

    Raises:
        Misuse, BadData: as `vit.vit`, `vit_weights.load` and `whole_model`; `pretrained` is none of the three.
    """
    if pretrained is not None:
        pretrained = os.fspath(pretrained)
        if pretrained.endswith(".keras"):
            if lora_rank:
                raise Misuse(f"`lora_rank` must be 0 for a .keras file, whose layers are its own. Received: lora_rank={lora_rank}.")
            return whole_model(pretrained, shape)
        if not pretrained.endswith(".npz") and not pretrained.startswith(vit_weights.HUB):
            raise Misuse(f"`pretrained` must be a .npz or .keras file, or {vit_weights.HUB}PRESET. Received: pretrained="
                         f"{pretrained}.")
    arguments.choice("network", network, vit.SIZES)
    model = vit.named(network, shape, dropout, lora_rank)
    if pretrained is not None:
        vit_weights.load(model, pretrained)
    return model


def whole_model(path, shape):
    """A user's Keras model from a .keras file, which runs no code of the file's.

    Raises:
        BadData: it is missing or cannot be read. Misuse: it does not map images of this shape to features (n, d).
    """
    vit_weights.check_file(path)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (Misuse, MemoryError):
        raise
    except Exception as error:      # whatever zip, JSON, HDF5 and Keras say of half a file, of an unknown layer, of a lambda
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadData(f"`pretrained` must be a .keras file that Keras can read safely. Received: {path!r}: {told[:200]}") from error
    inputs, outputs = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    fits = (isinstance(inputs, tuple) and isinstance(outputs, tuple) and len(inputs) == 4 and len(outputs) == 2
            and all(own in (None, side) or side is None for own, side in zip(inputs[1:], shape)))
    if not fits:
        raise Misuse(f"`pretrained` must map images (n, {', '.join(str(side or 'any') for side in shape)}) to features (n, d). "
                     f"Received: {path!r}, which maps {inputs} to {outputs}. End it with a pooling, Flatten or Dense layer.")
    return model
