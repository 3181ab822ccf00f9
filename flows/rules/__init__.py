"""The rules: what they mean (`PATTERNS.md`, `model`), how files become rules (`load`), and their sets on a topic."""
