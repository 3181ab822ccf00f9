"""Source systems: how their rows become what is known of people, and when two of them are one."""
