"""Calibrated detectors for TensorFlow Serving; `served.export` writes them. Light: bin/verify needs no TensorFlow of its own."""
