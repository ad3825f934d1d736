"""The database of an installation: the one place where accepted means durable."""
