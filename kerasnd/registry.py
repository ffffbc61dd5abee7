"""Makes Keras find kerasnd's classes in a .keras file after a bare `import kerasnd`, which imports neither Keras nor TensorFlow.

Keras loads registered classes only, and a class registers itself when its module is imported. So a stand-in is registered
for each, which imports the module when Keras first asks it for an object; the class then takes the stand-in's place.
"""
import importlib
import importlib.abc
import importlib.util
import sys

from kerasnd.methods import METHODS

LAYERS = ("kerasnd.calibration.Verdict",
          "kerasnd.networks.attention.Attention", "kerasnd.networks.conditions.RandomWaves",
          "kerasnd.networks.conditions.Sinusoids", "kerasnd.networks.groups.GroupNorm", "kerasnd.networks.layers.DoublingConv2D",
          "kerasnd.networks.layers.NormalizedActivation", "kerasnd.networks.layers.UpsampledConv2D",
          "kerasnd.networks.normalizer.Normalizer", "kerasnd.networks.strided.StridedConv2D",
          "kerasnd.networks.strided.StridedConv2DTranspose", "kerasnd.networks.transformer.Block",
          "kerasnd.networks.transformer.ClassFeature", "kerasnd.networks.transformer.Tokens", "kerasnd.networks.viewing.View")


class StandIn:
    """What Keras finds under a class's name as long as nobody has imported its module.

    Args:
        place: str, "module.Class".
    """

    def __init__(self, place):
        self.place = place
        self.__name__ = place.rpartition(".")[2]

    def from_config(self, config):
        """An object of the true class."""
        module, _, name = self.place.rpartition(".")
        return getattr(importlib.import_module(module), name).from_config(config)


def register():
    """Gives Keras, which is imported, a stand-in for each class that has not registered itself."""
    known = sys.modules["keras"].saving.get_custom_objects()
    for place in (*METHODS.values(), *LAYERS):
        known.setdefault(f"kerasnd>{place.rpartition('.')[2]}", StandIn(place))


class _OnceKerasIsThere(importlib.abc.MetaPathFinder):
    """Finds nothing itself: lets the others find Keras, and registers when it has run."""

    looking = False

    def find_spec(self, name, path=None, target=None):
        if name != "keras" or self.looking:
            return None
        self.looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.looking = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                if self in sys.meta_path:       # not before: TensorFlow looks for Keras without importing it
                    sys.meta_path.remove(self)
                register()
            spec.loader.exec_module = execute_and_register
        return spec


def announce():
    """Registers now, or as soon as Keras is imported."""
    if hasattr(sys.modules.get("keras"), "saving"):
        register()
    else:
        sys.meta_path.insert(0, _OnceKerasIsThere())
