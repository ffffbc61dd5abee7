"""Weights of vision transformers from elsewhere: Google's .npz, keras-hub's presets, or a whole Keras model.

Whatever is missing, damaged, unknown or of another shape is refused in one line that names it; nothing is unpickled.
"""
import os
import re
import zipfile

import numpy as np

from kerasnd.atomic import whole
from kerasnd.errors import BadData, Misuse
from kerasnd.networks import vit

IGNORED = ("pre_logits/", "head/")      # the classifier that the trunk was trained with
HUB = "keras_hub:"
POSITIONS = "Transformer/posembed_input/pos_embedding"
BLOCK = "Transformer/encoderblock_"


def load(model, source):
    """Gives a transformer the weights of a file or a preset.

    Args:
        model: what `vit.vit` built; what was added by `lora_rank` keeps its values.
        source: str or Path, a .npz in Google's layout, or "keras_hub:PRESET", PRESET a name or a folder of a ViTBackbone.

    Raises:
        BadData: the file is missing, truncated or no .npz; a value is not finite.
        Misuse: a weight is missing, unknown or of another shape; the number of blocks differs; keras-hub is not installed.
    """
    source = os.fspath(source)
    assign(model, from_hub(source.removeprefix(HUB)) if source.startswith(HUB) else read(source), source)


def read(path):
    """{key: array} of a .npz without the classifier's."""
    def damaged(told):
        return BadData(f"`pretrained` must be a whole .npz file. Received: {path!r}, {told}. Download it again.")
    check_file(path)
    if not zipfile.is_zipfile(path):        # a pickle too, which numpy would name as one
        raise damaged("which is truncated or no .npz")
    key = None
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {}
            for key in archive.files:
                if not key.startswith(IGNORED):
                    arrays[key] = archive[key]
        return arrays
    except MemoryError:
        raise
    except Exception as error:      # zlib, zipfile, struct and NumPy each have their own for a damaged member
        objects = "Object arrays" in str(error)
        raise damaged(f"whose {key} " + ("holds Python objects, which are never opened" if objects else "cannot be read")) from None


def check_file(path):
    """Refuses what is no file."""
    if not os.path.isfile(path):
        told = "a folder" if os.path.isdir(path) else "missing"
        raise BadData(f"`pretrained` must be a file. Received: {path!r}, which is {told}. Give a path such as ViT-B_16.npz.")


def layout(model):
    """Where a transformer's weights stand in Google's layout.

    Returns:
        list of (variable, [(key, shape), ...]); where there are several arrays, the variable is them side by side, each reshaped.
    """
    tokens, found, last = model.get_layer("tokens"), vit.blocks(model), model.get_layer("feature")
    units, each = tokens.units, tokens.units // found[0].heads

    def plain(variable, key):
        return variable, [(key, tuple(variable.shape))]
    entries = [plain(tokens.kernel, "embedding/kernel"), plain(tokens.bias, "embedding/bias"), plain(tokens.token, "cls"),
               plain(tokens.positions, POSITIONS)]
    for level, block in enumerate(found):
        here, heads = f"{BLOCK}{level}/", block.heads
        attention = here + "MultiHeadDotProductAttention_1/"
        asked = [attention + name for name in ("query", "key", "value")]
        entries += [
            plain(block.scale_1, here + "LayerNorm_0/scale"), plain(block.shift_1, here + "LayerNorm_0/bias"),
            (block.qkv_kernel, [(f"{name}/kernel", (units, heads, each)) for name in asked]),
            (block.qkv_bias, [(f"{name}/bias", (heads, each)) for name in asked]),
            (block.out_kernel, [(attention + "out/kernel", (heads, each, units))]),
            plain(block.out_bias, attention + "out/bias"),
            plain(block.scale_2, here + "LayerNorm_2/scale"), plain(block.shift_2, here + "LayerNorm_2/bias"),
            plain(block.kernel_1, here + "MlpBlock_3/Dense_0/kernel"), plain(block.bias_1, here + "MlpBlock_3/Dense_0/bias"),
            plain(block.kernel_2, here + "MlpBlock_3/Dense_1/kernel"), plain(block.bias_2, here + "MlpBlock_3/Dense_1/bias")]
    return [*entries, plain(last.scale, "Transformer/encoder_norm/scale"), plain(last.shift, "Transformer/encoder_norm/bias")]


def assign(model, arrays, source):
    """Checks every array, then gives them all to the transformer: it keeps its weights where one is refused.

    Args:
        model: what `vit.vit` built.
        arrays: {key: array} in Google's layout.
        source: str, where they are from, for the errors.
    """
    entries = layout(model)
    wanted = {key: shape for _, parts in entries for key, shape in parts}
    own, theirs = len(vit.blocks(model)), len({found[1] for key in arrays if (found := re.match(BLOCK + r"(\d+)/", key))})
    if own != theirs:
        raise Misuse(f"`pretrained` must have the network's {own} blocks. Received: {source!r} with {theirs}. Choose the file's "
                     "network.")
    for key in wanted:
        if key not in arrays:
            raise Misuse(f"`pretrained` must hold {key}. Received: {source!r} without it, in Google's layout of ViT weights.")
    for key in arrays:
        if key not in wanted:
            raise Misuse(f"`pretrained` must hold the weights of a plain ViT alone. Received: {source!r} with {key}.")
    arrays = {**arrays, POSITIONS: fitted(arrays[POSITIONS], model.get_layer("tokens").grid)}
    for key, shape in wanted.items():
        if arrays[key].shape != shape or arrays[key].dtype.kind != "f":
            raise Misuse(f"`pretrained` must hold {key} of shape {shape}. Received: {source!r}, {arrays[key].dtype} of shape "
                         f"{arrays[key].shape}. Choose the network and the image shape that the file is of.")
        strange = np.argwhere(~np.isfinite(arrays[key]))
        if len(strange):
            place = strange[0].tolist()
            raise BadData(f"`pretrained` must be finite. Received: {arrays[key][tuple(place)]} in {key} at {place} of {source!r}.")
    for variable, parts in entries:
        shape = (*variable.shape[:-1], variable.shape[-1] // len(parts))
        variable.assign(np.concatenate([arrays[key].reshape(shape) for key, _ in parts], axis=-1, dtype=np.float32))


def fitted(positions, grid):
    """Position embeddings for another number of patches, interpolated linearly from corner to corner.

    Args:
        positions: float (1, 1 + side ** 2, units), or whatever a file holds, which then stays.
        grid: (int, int), rows and columns of patches.

    Returns:
        float (1, 1 + rows * columns, units); the class token's, the first, stays.
    """
    count = positions.shape[1] - 1 if positions.ndim == 3 else 0
    side = round(max(count, 0) ** 0.5)
    if count < 1 or count == grid[0] * grid[1] or side ** 2 != count:
        return positions
    import scipy.ndimage
    patches = positions[0, 1:].reshape(side, side, -1)
    patches = scipy.ndimage.zoom(patches, (grid[0] / side, grid[1] / side, 1), order=1)
    return np.concatenate([positions[:, :1], patches.reshape(1, grid[0] * grid[1], -1)], axis=1)


def save(model, path):
    """Writes a transformer's weights in Google's layout, whole or not at all.

    Raises:
        Misuse: it has weights that the layout has no place for.
    """
    if any(block.lora_rank for block in vit.blocks(model)):
        raise Misuse("`lora_rank` must be 0 for Google's layout, which has no place for what it adds. Save a .keras file.")
    arrays = {}
    for variable, parts in layout(model):
        for (key, shape), value in zip(parts, np.split(variable.numpy(), len(parts), axis=-1)):
            arrays[key] = value.reshape(shape)
    with whole(path) as temporary:
        np.savez(temporary, **arrays)


def from_hub(preset):
    """{key: array} in Google's layout, of a ViTBackbone of keras-hub.

    Raises:
        Misuse: keras-hub is not installed; the preset is of another network, or has no class token. BadData: it cannot be loaded.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise Misuse(f"`pretrained={HUB}{preset}` needs keras-hub. Received: {error}. Install it: pip install 'kerasnd[vit]'."
                     ) from None
    try:
        backbone = keras_hub.models.Backbone.from_preset(preset)
    except Exception as error:      # a wrong name, no network, no account: each library below has its own
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadData(f"`pretrained` must be a preset that keras-hub can load. Received: {HUB}{preset}: {told[:200]}") from None
    return of_backbone(backbone, preset)


def of_backbone(backbone, preset):
    """{key: array} in Google's layout, of a loaded ViTBackbone."""
    if type(backbone).__name__ != "ViTBackbone" or not (
            backbone.use_class_token and backbone.use_patch_bias and backbone.use_mha_bias and backbone.use_mlp_bias):
        raise Misuse("`pretrained` must be a preset of a ViTBackbone with a class token and biases. Received: "
                     f"{HUB}{preset}, a {type(backbone).__name__}.")
    tokens, encoder = backbone.get_layer("vit_patching_and_embedding"), backbone.get_layer("vit_encoder")
    arrays = {"embedding/kernel": tokens.patch_embedding.kernel, "embedding/bias": tokens.patch_embedding.bias,
              "cls": tokens.class_token, POSITIONS: tokens.position_embedding.embeddings[None],
              "Transformer/encoder_norm/scale": encoder.layer_norm.gamma, "Transformer/encoder_norm/bias": encoder.layer_norm.beta}
    for level, layer in enumerate(encoder.encoder_layers):
        here, attention = f"{BLOCK}{level}/", f"{BLOCK}{level}/MultiHeadDotProductAttention_1/"
        for name, part in (("query", layer.mha.query_dense), ("key", layer.mha.key_dense), ("value", layer.mha.value_dense),
                           ("out", layer.mha.output_dense)):
            arrays |= {f"{attention}{name}/kernel": part.kernel, f"{attention}{name}/bias": part.bias}
        for name, part in (("Dense_0", layer.mlp.dense_1), ("Dense_1", layer.mlp.dense_2)):
            arrays |= {f"{here}MlpBlock_3/{name}/kernel": part.kernel, f"{here}MlpBlock_3/{name}/bias": part.bias}
        for name, part in (("LayerNorm_0", layer.layer_norm_1), ("LayerNorm_2", layer.layer_norm_2)):
            arrays |= {f"{here}{name}/scale": part.gamma, f"{here}{name}/bias": part.beta}
    return {key: np.asarray(value, np.float32) for key, value in arrays.items()}
