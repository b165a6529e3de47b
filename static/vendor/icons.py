"""Makes static/icons.svg: python static/vendor/icons.py <unpacked @tabler/icons>/icons/outline."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
EMPTY = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')


def symbol(name: str, source: str) -> str:
    """One <symbol> holding the drawing of an icon file."""
    drawing = EMPTY.sub("", source[source.index(">", source.index("<svg")) + 1 : source.rindex("</svg>")])
    drawing = re.sub(r"\s*\n\s*", "", drawing).strip()
    return f'<symbol id="{name}" viewBox="0 0 24 24">{drawing}</symbol>'


def main(folder: Path) -> None:
    """Writes the sprite with the icons named in icons.txt."""
    names = (HERE / "icons.txt").read_text().split()
    symbols = "\n".join(symbol(name, (folder / f"{name}.svg").read_text()) for name in names)
    (HERE.parent / "icons.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg">\n'
        f"<!-- @tabler/icons, MIT, Paweł Kuna -->\n{symbols}\n</svg>\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
