"""What a user's network, or the shape in its place, must be: asked by every method that takes an own `encoder`."""
from kerasnd import arguments
from kerasnd.errors import Misuse


def shape_of(example_shape, encoder=None):
    """The shape of raw examples.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels), or None where `encoder` tells it.
        encoder: Keras model from normalised examples to codes (n, any), or None.

    Returns:
        tuple of int

    Raises:
        Misuse: nobody tells the shape, or both and not the same; an encoder without a fixed shape, or that gives no codes.
    """
    if encoder is None:
        if example_shape is None:
            raise Misuse("`example_shape` must be given where no `encoder` is. Received: None. For example (28, 28, 1) for images, "
                         "(30,) for tables.")
        arguments.shape("example_shape", example_shape)
        return tuple(int(side) for side in example_shape)
    if not encoder.built or None in encoder.input_shape[1:] or len(encoder.output_shape) != 2:
        raise Misuse("`encoder` must be built for one example shape and give codes of shape (n, latent_dim). Received: "
                     f"{encoder.name}, {'built' if encoder.built else 'not built'}. Start it with keras.Input(example_shape) and "
                     "end it with a Flatten or Dense layer.")
    shape = tuple(encoder.input_shape[1:])
    if example_shape is not None and tuple(example_shape) != shape:
        raise Misuse(f"`example_shape` must be the encoder's input shape {shape}. Received: example_shape={tuple(example_shape)}. "
                     "Leave it out.")
    return shape
