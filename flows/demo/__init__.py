"""The demonstration: a small fleet with planted truths, sent through the real processes while somebody watches.

- `folder`: a folder of its own, with the starter's files.
- `fleet`: which vehicles, what is planted in them, and how their time is pressed together.
- `news`: what comes on the topics meanwhile.
- `judgement`: whether all that was planted came of it, and nothing else.
- `play`: all of it in order.
"""
