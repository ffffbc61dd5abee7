"""Which network sees the noise in an example: the user's, or one by the shape."""
from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.networks import given, unet

WIDTHS = {3: 32, 1: 128}        # axes of an example: channels of the first level, or units


def choose(example_shape, denoiser, width, multipliers, blocks, dropout, time):
    """The user's network where given, else a built one.

    Args:
        example_shape: tuple of int, or None where `denoiser` tells it.
        denoiser: Keras model from [x (n, ...), condition (n,)] to noise (n, ...), or None.
        width, multipliers, blocks, dropout, time: as in `unet.unet` and `unet.mlp`; width None: `WIDTHS`.

    Returns:
        (tuple of int, Keras model)

    Raises:
        Misuse: no shape, a number out of its range, levels for a table, a network that does not map so.
    """
    if denoiser is not None:
        return _given(example_shape, denoiser)
    if example_shape is None:
        raise Misuse("`example_shape` must be given where no `denoiser` is. Received: None. For example (28, 28, 1) for images, "
                     "(30,) for tables.")
    arguments.shape("example_shape", example_shape)
    shape = tuple(int(side) for side in example_shape)
    width = WIDTHS[len(shape)] if width is None else width
    if len(shape) == 3:
        return shape, unet.unet(shape, width, multipliers, blocks, dropout=dropout, time=time)
    if multipliers is not None:
        raise Misuse(f"`multipliers` must be None for tables: a dense network has no levels. Received: multipliers={multipliers}. "
                     "Leave it out.")
    return shape, unet.mlp(shape[0], width, blocks, dropout, time)


def _given(example_shape, denoiser):
    given.model("denoiser", denoiser, inputs=2)
    shapes = [tuple(each.shape) for each in denoiser.inputs]
    if shapes[1] != (None,) or None in shapes[0][1:] or tuple(denoiser.output_shape) != shapes[0]:
        raise Misuse("`denoiser` must map [examples (n, ...), condition (n,)] to noise of the examples' shape. Received: inputs of "
                     f"the shapes {shapes}. Start it with keras.Input(example_shape) and keras.Input(()).")
    shape = shapes[0][1:]
    if example_shape is not None and tuple(example_shape) != shape:
        raise Misuse(f"`example_shape` must be the denoiser's {shape}. Received: example_shape={tuple(example_shape)}. "
                     "Leave it out.")
    return shape, denoiser
