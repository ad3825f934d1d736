"""Records, envelopes, receipts and parts as bytes and back. Pure: no clock, no entropy, no I/O."""
