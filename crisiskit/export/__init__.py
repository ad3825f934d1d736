"""The log for others: one file per format, each a stream of text over a stream of messages."""
