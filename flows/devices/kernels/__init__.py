"""The compiled half of the devices flow: a fixed set of functions with rules as their parameters.

Every function has an explicit signature and is cached on disk, so that nothing compiles at run time. Their types are
numba's, which pyright cannot see; what calls them is strict.
"""
