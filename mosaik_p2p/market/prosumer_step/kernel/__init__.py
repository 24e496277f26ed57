"""The compiled interior-point method for all prosumers' problems."""
