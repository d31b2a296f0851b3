"""`make deploy`, `make rollback`, `make destroy`: the stack of `template.yaml` in an AWS account.

Everything but Docker and SAM CLI, which `tools/deploy.py` brings along.
"""
