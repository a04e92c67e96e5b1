"""Take a picture of a comment or of a page with Chromium: `python -m tests.render.browser comment.md picture.png`.

`--css` is github-markdown.css of the npm package github-markdown-css (`npm pack github-markdown-css`); without it the
picture has a browser's plain style.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from tests.render.github_markdown import to_html

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def page_of(markdown: str, css: str, *, folder: Path, dark: bool) -> str:
    """A page with the comment as wide as GitHub shows it; pictures are found relative to `folder`."""
    ground, line = ("#0d1117", "#3d444d") if dark else ("#ffffff", "#d1d9e0")
    return f"""<!doctype html><html><head><meta charset="utf-8"><base href="{folder.resolve().as_uri()}/">
<style>{css}</style><style>body{{margin:0;background:{ground}}}
.markdown-body{{max-width:860px;margin:16px auto;padding:16px;border:1px solid {line};border-radius:6px;font-size:14px}}
</style></head><body><div class="markdown-body">{to_html(markdown)}</div></body></html>"""


def photograph(page: Path, target: Path, *, width: int = 940, height: int = 1600, dark: bool = False) -> None:
    """Lay `page` out in Chromium and write what it shows to `target`."""
    with tempfile.TemporaryDirectory() as profile:
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        subprocess.run(
            [
                "chromium",
                *_FLAGS,
                *scheme,
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                f"--screenshot={target.resolve()}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a comment (.md) or a page (.html)")
    parser.add_argument("target", type=Path, help="the PNG to write")
    parser.add_argument("--css", type=Path)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--width", type=int, default=940)
    parser.add_argument("--height", type=int, default=1600)
    chosen = parser.parse_args()
    page = chosen.source
    with tempfile.TemporaryDirectory() as folder:
        if page.suffix == ".md":
            css = chosen.css.read_text(encoding="utf-8") if chosen.css else ""
            page = Path(folder) / "comment.html"
            body = chosen.source.read_text(encoding="utf-8")
            page.write_text(page_of(body, css, folder=chosen.source.parent, dark=chosen.dark), encoding="utf-8")
        photograph(page, chosen.target, width=chosen.width, height=chosen.height, dark=chosen.dark)


if __name__ == "__main__":
    main()
