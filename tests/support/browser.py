"""A headless Chromium that opens a local file without ever asking the network for anything."""

import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # needed as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
SCRIPT_TIME_MS = 15000
"""Virtual time that the page's scripts get; it does not pass on the clock."""


def find_browser() -> str | None:
    """Path of a Chromium, None where none is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def open_page(browser: str, page: Path, profile: Path, *actions: str) -> str:
    """Open a page with a fresh profile, let its scripts run, do the actions, return what it prints."""
    command = [
        browser,
        *FLAGS,
        f"--user-data-dir={profile}",
        f"--virtual-time-budget={SCRIPT_TIME_MS}",
        *actions,
        page.as_uri(),
    ]
    finished = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    return finished.stdout


def dump_dom(browser: str, page: Path, profile: Path) -> str:
    """The page as it stands after its scripts have run."""
    return open_page(browser, page, profile, "--dump-dom")


def screenshot(browser: str, page: Path, profile: Path, image: Path, *, width_px: int, height_px: int) -> Path:
    """A picture of the page."""
    open_page(browser, page, profile, f"--screenshot={image}", f"--window-size={width_px},{height_px}")
    return image
