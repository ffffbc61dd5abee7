"""Sources (what there is), protocols (who trains and who is judged): neither knows a model."""
