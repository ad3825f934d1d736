"""Junk on every listening port and serial line of real stations, while messages flow."""
