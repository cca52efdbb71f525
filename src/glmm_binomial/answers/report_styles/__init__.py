"""The styles of a report, one file for each or for a few that are alike; see `answers.report`."""
