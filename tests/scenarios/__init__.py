"""Whole stories: the real bot as a process of its own, in the playground's world."""
