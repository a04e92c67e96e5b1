"""Take a picture of a comment or of a page with Chromium: `python -m tests.render.browser comment.md picture.png`.

GitHub's stylesheet and Mermaid are npm's packages in this folder: `npm ci` here, or tests/setup_machine.sh, gets them.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from tests.render.github_markdown import to_html

FLAGS = [
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


MODULES = Path(__file__).parent / "node_modules"

_DRAW = """
mermaid.initialize({startOnLoad: false, theme: THEME});
(async () => {
  for (const [index, block] of [...document.querySelectorAll('pre[lang="mermaid"]')].entries()) {
    const place = document.createElement("div");
    try {
      place.innerHTML = (await mermaid.render("chart" + index, block.textContent)).svg;
      place.className = "chart";
    } catch (error) {
      place.textContent = String(error);
      place.className = "chart-that-failed";
    }
    block.replaceWith(place);
  }
  document.body.dataset.drawn = "yes";
})();
"""
"""What GitHub does with each block of Mermaid, and marks in the document that a test can look for."""


def stylesheet(*, dark: bool) -> str:
    """GitHub's, of its light or its dark pages."""
    name = f"github-markdown-{'dark' if dark else 'light'}.css"
    return (MODULES / "github-markdown-css" / name).read_text(encoding="utf-8")


def page_of(*comments: str, folder: Path, dark: bool = False, css: str | None = None) -> str:
    """A page with the comments as wide as GitHub shows them; pictures are found relative to `folder`."""
    ground, line = ("#0d1117", "#3d444d") if dark else ("#ffffff", "#d1d9e0")
    css = stylesheet(dark=dark) if css is None else css
    bodies = "\n".join(f'<div class="markdown-body">{to_html(comment)}</div>' for comment in comments)
    script = ""
    if 'lang="mermaid"' in bodies:
        source = (MODULES / "mermaid" / "dist" / "mermaid.min.js").resolve().as_uri()
        theme = '"dark"' if dark else '"default"'
        script = f'<script src="{source}"></script><script>{_DRAW.replace("THEME", theme)}</script>'
    return f"""<!doctype html><html><head><meta charset="utf-8"><base href="{folder.resolve().as_uri()}/">
<style>{css}</style><style>body{{margin:0;background:{ground}}}
.markdown-body{{max-width:860px;margin:16px auto;padding:16px;border:1px solid {line};border-radius:6px;font-size:14px}}
</style></head><body>{bodies}{script}</body></html>"""


def dom_of(page: Path, *, dark: bool = False) -> str:
    """The document that Chromium makes of `page`, when its scripts are done."""
    with tempfile.TemporaryDirectory() as profile:
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        done = subprocess.run(
            [
                "chromium",
                *FLAGS,
                *scheme,
                f"--user-data-dir={profile}",
                "--virtual-time-budget=60000",
                "--dump-dom",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
    return done.stdout


def photograph(page: Path, target: Path, *, width: int = 940, height: int = 1600, dark: bool = False) -> None:
    """Lay `page` out in Chromium and write what it shows to `target`."""
    with tempfile.TemporaryDirectory() as profile:
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        subprocess.run(
            [
                "chromium",
                *FLAGS,
                *scheme,
                f"--user-data-dir={profile}",
                "--virtual-time-budget=20000",
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
            css = chosen.css.read_text(encoding="utf-8") if chosen.css else None
            page = Path(folder) / "comment.html"
            body = chosen.source.read_text(encoding="utf-8")
            text = page_of(body, folder=chosen.source.parent, dark=chosen.dark, css=css)
            page.write_text(text, encoding="utf-8")
        else:
            # Chromium does not wait for pictures that are decoded meanwhile: some would be white
            page = Path(folder) / "page.html"
            text = chosen.source.read_text(encoding="utf-8").replace('decoding="async"', 'decoding="sync"')
            page.write_text(text, encoding="utf-8")
        photograph(page, chosen.target, width=chosen.width, height=chosen.height, dark=chosen.dark)


if __name__ == "__main__":
    main()
