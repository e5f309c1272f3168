"""The table of coverage, from coverage.toml."""


def page() -> str:
    return ""
