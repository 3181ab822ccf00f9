"""What is planted in people's lives, one kind a file: what is sent of it, and what must come of it."""
