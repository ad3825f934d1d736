"""Whether the log is whole, and proofs out of it for others."""
