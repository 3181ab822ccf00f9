"""What is planted, one kind a file: how it bends readings or their sending, and what must come of it."""
