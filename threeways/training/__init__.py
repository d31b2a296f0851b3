"""Data to registered model: the only importer of MLflow."""
