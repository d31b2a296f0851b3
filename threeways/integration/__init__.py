"""The integration test: the image as it is deployed, against an emulator or a deployed stack."""
