"""The commands. Each imports what it needs only when it is called."""
