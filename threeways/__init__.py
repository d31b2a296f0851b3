"""One scikit-learn model, tracked with MLflow, served three ways.

On a stream (an AWS Lambda on a Kinesis stream), as a web service and as a batch job. Start reading
at `lambda_function.py`, then `threeways/scoring/service.py` and `threeways/systems/taxi/rides.py`.
"""

__version__ = "0.1.0"
