"""Simulated people beside the fleet: rows of source systems, what they do on the web, in the app and at the service
desk, what is planted in some of them, and what a perfect watcher knows and does of it.

`plan` says what is wanted, `person` who somebody is, `row` and `doing` what a message says, `planted/` bends a few
lives, `simulate` gives the messages in the order the bus would take them, `expectation` says what must come of it.
The same plan gives the same bytes.
"""
