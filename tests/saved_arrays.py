"""Arrays saved in files of every kind: for the tests of how they are read."""
import h5py
import numpy
import pytest
import scipy.io

from kerasnd.data.sources import load_data

RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), numpy.array([0, 1, 0, 0, 1, 0])


def refused(error, told, *args, **kwargs):
    with pytest.raises(error) as refusal:
        load_data(*args, **kwargs)
    assert told in str(refusal.value), str(refusal.value)
    assert "\n" not in str(refusal.value) and "Received: " in str(refusal.value)


def npz(folder, **values):
    numpy.savez(folder / "set.npz", **values)
    return str(folder / "set.npz")


def mat(folder, **values):
    scipy.io.savemat(folder / "set.mat", values)
    return str(folder / "set.mat")


def mat73(folder, **values):
    """A file as MATLAB's `save -v7.3` writes it: 512 bytes of its own before the HDF5, every array transposed."""
    path = folder / "set73.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_group("#refs#")
        for name, value in values.items():
            file[name] = numpy.asarray(value).T
            file[name].attrs["MATLAB_class"] = numpy.bytes_("double")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return str(path)
