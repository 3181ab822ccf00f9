"""The demonstration: a small fleet and some people with planted truths, sent through the real processes.

- `folder`: a folder of its own, with the starter's files.
- `fleet`, `people`: who they are, what is planted in them, and how their time is pressed together.
- `telling`, `stage`: sending it, and waiting for what comes of it.
- `news`, `registry`: what comes on the topics meanwhile, and who is who by it.
- `reasons`: why two are one, or one is two.
- `judgement`, `people_judgement`: whether all that was planted came of it, and nothing else.
- `play`: all of it in order.
"""
