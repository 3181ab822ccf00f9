"""`python -m flows.reference`: write the made parts of every page anew, and say which pages changed."""

from __future__ import annotations

from flows.reference.pages import pages, rendered


def main() -> None:
    """Rewrite what is not what the code says."""
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = rendered(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.name)


main()
