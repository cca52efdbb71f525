"""What a fitted model says, one file for each question, named as its worksheet function."""
