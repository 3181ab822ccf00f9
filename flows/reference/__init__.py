"""The reference pages, and what writes the parts of them that the code knows; `make reference` writes all anew."""
