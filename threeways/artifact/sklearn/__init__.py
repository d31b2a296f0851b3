"""scikit-learn's flavour: what a file may hold, and the estimator that is made of it."""
