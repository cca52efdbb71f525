"""What is fitted, knowing no method of estimation: the design of the data and the integrals it needs."""
