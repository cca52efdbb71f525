"""A table with headers and a formula in Wilkinson notation -> coded columns."""
