"""A brand as an operator sets it, for tests of pages and letters."""

import struct
import zlib
from pathlib import Path

HELP = "help@contoso.example"
LINKS = {name: f"https://contoso.example/{name}" for name in ("terms", "privacy", "imprint")}


def brand(folder: Path, **more: str) -> dict[str, str]:
    """Return settings with a name, a logo, a colour, help and links; the logo is written into the folder."""
    (folder / "logo.png").write_bytes(png(120, 30))
    return {
        "ACCOUNT_NAME": "Contoso & Söhne",
        "ACCOUNT_LOGO": str(folder / "logo.png"),
        "ACCOUNT_ACCENT": "#facc15",
        "ACCOUNT_SUPPORT": HELP,
        "ACCOUNT_LINKS": " ".join(f"{name}={address}" for name, address in reversed(LINKS.items())),
        **more,
    }


def png(width: int, height: int) -> bytes:
    """Return a picture of one colour (PNG, second edition, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x0f\x76\x6e" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
