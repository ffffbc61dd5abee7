"""What a user's network, or the shape in its place, must be: asked by every method that takes an own `encoder`."""
import keras

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
    model("encoder", encoder)
    if None in encoder.input_shape[1:] or len(encoder.output_shape) != 2:
        raise Misuse("`encoder` must be built for one example shape and give codes of shape (n, latent_dim). Received: "
                     f"{encoder.name}, from {encoder.input_shape} to {encoder.output_shape}. Start it with "
                     "keras.Input(example_shape) and end it with a Flatten or Dense layer.")
    shape = tuple(encoder.input_shape[1:])
    if example_shape is not None and tuple(example_shape) != shape:
        raise Misuse(f"`example_shape` must be the encoder's input shape {shape}. Received: example_shape={tuple(example_shape)}. "
                     "Leave it out.")
    return shape


def model(name, network, inputs=1):
    """Refuses what is no built Keras model from so many inputs to one output.

    Args:
        name: str, the argument.
        network: anything, as given.
        inputs: int, 1 or 2.

    Raises:
        Misuse
    """
    found = isinstance(network, keras.Model) and [len(getattr(network, side, None) or ()) for side in ("inputs", "outputs")]
    if found != [inputs, 1]:
        told = f"{found[0]} inputs and {found[1]} outputs" if found and all(found) else (
            "a model that is not built" if found else repr(type(network).__name__))
        raise Misuse(f"`{name}` must be built from {'two inputs' if inputs > 1 else 'one input'} to one output, as a functional or "
                     f"Sequential Keras model. Received: {told}. Start it with keras.Input(shape).")
