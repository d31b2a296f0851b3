"""The usual way for columns of mixed types as a Lambda function: the model is loaded when the module is."""

import os

import boto3
import mlflow.pyfunc
from usual_mixed import handler_of

lambda_handler = handler_of(
    mlflow.pyfunc.load_model(os.environ["MODEL_LOCATION"]),
    boto3.client("kinesis"),
    os.environ["PREDICTIONS_STREAM_NAME"],
)
