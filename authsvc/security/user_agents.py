"""Which browser and which system a User-Agent claims, as the words of a short list: nothing that a stranger wrote."""

import re

# In this order: most browsers also claim to be those further down. `device()` of the account pages has the same list.
_BROWSERS = {
    "Edge": r"\bEdgA?/|\bEdgiOS/",
    "Opera": r"\bOPR/",
    "Samsung Internet": r"\bSamsungBrowser/",
    "Firefox": r"\b(?:Firefox|FxiOS)/",
    "Chrome": r"\b(?:Headless)?(?:Chrome|CriOS)/",
    "Safari": r"\bSafari/",
    "curl": r"^curl/",
}
_SYSTEMS = {
    "iPhone": r"\biPhone\b",
    "iPad": r"\biPad\b",
    "Android": r"\bAndroid\b",
    "ChromeOS": r"\bCrOS\b",
    "Windows": r"\bWindows\b",
    "macOS": r"\bMac OS X\b|\bMacintosh\b",
    "Linux": r"\bLinux\b",
}


def recognise(agent: str) -> tuple[str, str]:
    """Return the names of browser and system, each empty if it is not on the list."""
    return _first(_BROWSERS, agent), _first(_SYSTEMS, agent)


def _first(patterns: dict[str, str], agent: str) -> str:
    return next((name for name, pattern in patterns.items() if re.search(pattern, agent)), "")
