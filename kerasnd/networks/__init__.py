"""Networks: functions that build Keras models, and the layers that they need."""
