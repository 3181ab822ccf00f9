"""The seeded vehicle fleet: its readings, what is planted in them, and what a perfect watcher would raise.

`plan` says what is wanted, `fleet` drives ordinary vehicles, `planted/` bends a few of them, `simulate` gives
the messages in the order the bus would take them, `expectation` says what must come of it, `compare` tells
the difference. `archive` and `send` carry the messages into files and onto a bus. The same plan gives the
same bytes.
"""
