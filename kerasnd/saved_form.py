"""What of a detector is saved beside its weights: the arguments of its constructor, its precision and its format."""
import inspect

import keras

from kerasnd.errors import Misuse

FORMAT = 1          # of saved detectors; a newer one is refused in words


class SavedForm:
    """The part of a `Detector` that Keras asks for its config."""

    def get_config(self):
        """The constructor's arguments, read back from their attributes; Keras models serialised."""
        values = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        values = {name: keras.saving.serialize_keras_object(v) if isinstance(v, keras.Model) else v
                  for name, v in values.items()}
        return {**values, "precision": self.precision, "format": FORMAT}

    def save(self, filepath, *args, **kwargs):
        """As `keras.Model.save`. Raises Misuse for the older `.h5`, which cannot hold a detector."""
        if str(filepath).endswith((".h5", ".hdf5")):
            raise Misuse(f"`filepath` must end in .keras. Received: {filepath}.")
        super().save(filepath, *args, **kwargs)

    def export(self, filepath, *args, **kwargs):
        """Refused: a served score comes with a verdict, which takes held-out normals."""
        raise Misuse(f"a detector must be calibrated before it is exported. Received: {type(self).__name__}.export. Call "
                     "`kerasnd.export(kerasnd.calibrate(detector, held_out_normals), folder)`.")

    @property
    def precision(self):
        """str, the dtype policy under which the networks were built."""
        return self.dtype_policy.name

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        newer = config.pop("format", FORMAT)
        if newer > FORMAT:
            raise Misuse(f"a saved detector must be of format {FORMAT} or older. Received: a {cls.__name__} of format {newer}. "
                         "Update kerasnd.")
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(config.pop("precision", before.name))
        try:
            return cls(**{name: keras.saving.deserialize_keras_object(v) if isinstance(v, dict) and "class_name" in v else v
                          for name, v in config.items()})
        finally:
            keras.config.set_dtype_policy(before)

    def get_build_config(self):
        """None: every network is built in the constructor, and Keras' own building would forbid a later `compile`."""
        return None
