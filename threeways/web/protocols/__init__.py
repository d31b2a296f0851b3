"""Protocols of other model servers: MLflow's scoring protocol, the Open Inference Protocol.

They are imported with the first request that needs them, so that the service starts as fast without.
"""
