#!/bin/sh
# Runs crisiskit in its own environment, whatever PYTHONPATH and the user's folder hold.
exec /usr/lib/crisiskit/bin/python3 -I -m crisiskit "$@"
