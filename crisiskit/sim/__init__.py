"""Simulated worlds: the real engine and store under a virtual clock. For drills and tests."""
