"""Sources talk to the world (git, data, environments, training, MLflow, files) and hand plain records inward."""
