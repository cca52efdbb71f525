"""What the package claims about speed and about its intervals, measured: `python -m benchmarks`, `.coverage`."""
