"""The pictures of a model: one file for each kind, named as it is asked for."""
