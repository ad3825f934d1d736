"""Fuzz campaigns: hostile bytes for every door, made from a seed so that a failure replays.

The tests run a little of each, ``make fuzz`` as much as there is time for.
"""
