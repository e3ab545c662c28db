"""Draw the icons of browsers from the logo: `python -m docs.icons`. It needs Chromium."""

import struct
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

STATIC = Path(__file__).parents[1] / "authsvc/web/static"
CHROMIUM = "/usr/bin/chromium"
SIZES = (16, 32, 48)
TOUCH = 180


def main() -> None:
    """Write `favicon.ico` with a picture of each size, and the icon for home screens."""
    logo = (STATIC / "ui/logo.svg").read_text("utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        pictures = [(size, draw(page, logo, size)) for size in SIZES]
        touch = draw(page, logo.replace('rx="8"', ""), TOUCH)  # phones round the corners themselves
        browser.close()
    (STATIC / "icons").mkdir(exist_ok=True)
    (STATIC / "icons/favicon.ico").write_bytes(icon(pictures))
    (STATIC / "icons/apple-touch-icon.png").write_bytes(touch)


def draw(page: Page, svg: str, size: int) -> bytes:
    """Return a picture of a drawing, as PNG with a clear background."""
    page.set_viewport_size({"width": size, "height": size})
    page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{size}px;height:{size}px}}</style>{svg}")
    return page.screenshot(omit_background=True)


def icon(pictures: list[tuple[int, bytes]]) -> bytes:
    """Return an icon file: its head, an entry for each picture, and the pictures."""
    head, entries, data = struct.pack("<HHH", 0, 1, len(pictures)), b"", b""
    first = 6 + 16 * len(pictures)
    for size, picture in pictures:
        entries += struct.pack("<BBBBHHII", size, size, 0, 0, 1, 32, len(picture), first + len(data))
        data += picture
    return head + entries + data


if __name__ == "__main__":
    main()
