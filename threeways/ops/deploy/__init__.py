"""`make deploy`, `make rollback`, `make destroy`: the stack of `template.yaml` in an AWS account.

Docker and SAM CLI are called in `docker_and_sam` alone.
"""
