"""How both flows meet Bytewax: sources and a sink over the topics port, and the barriers between them.

Nothing here knows what a message means; the two flows hand in functions that do.
"""
