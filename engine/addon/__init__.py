"""The CUDA add-on: the libraries for an NVIDIA card, installed from a folder beside the program that runs without."""
