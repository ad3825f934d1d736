"""Offline-first crisis communications kit for satellite terminals."""

__version__ = "0.1.0"
