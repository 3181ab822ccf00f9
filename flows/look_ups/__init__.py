"""Asking other systems what a decision waits for: questions from the topic `look-ups`, answers onto `answers`."""
