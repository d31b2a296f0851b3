"""The scikit-learn flavour: which files are allowed, and loading the estimator."""
