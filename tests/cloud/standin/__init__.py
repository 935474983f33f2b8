"""A stand-in for Azure ML's control plane, in front of Azurite's real blobs. README.md in the folder above."""
