"""Docker and SAM CLI: the engine, the project's images, and the way from a container to this machine."""
