"""The pictures of docs/, made from the running program: `make pictures`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from lab.office import office
from lab.page import Looking, browser, serving
from lab.sealing import seal_off

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"


def dashboard(folder: Path, picture: Path) -> None:
    """The page of a busy repository, with one change open."""
    with serving(office(folder / "atlas")) as server, browser() as program:
        page = Looking(program.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")).page
        page.goto(server.page)
        page.locator("#connection[data-state=live]").wait_for()
        page.locator("#documents li").first.wait_for()
        page.locator("#changes summary").nth(1).click()
        page.locator("#changes pre").wait_for()
        page.screenshot(path=picture)


def main() -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        seal_off(patch, Path(folder))
        dashboard(Path(folder), IMAGES / "dashboard.png")


if __name__ == "__main__":
    main()
