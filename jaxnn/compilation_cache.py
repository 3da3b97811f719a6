"""Compiled programs kept between processes, so that the second run of a command compiles nothing.

What lies in such a cache is executable code, and is run without a question. It is therefore kept
where nobody else can write.
"""

import logging
import os
import stat
from pathlib import Path

import jax

_log = logging.getLogger(__name__)

_KEEP_EVERYTHING = {
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def enable() -> Path | None:
    """Turns on JAX's persistent compilation cache, for a command line that is about to compile.

    The folder is jaxnn/xla in XDG_CACHE_HOME, or else in ~/.cache; one that the user gives as
    JAX_COMPILATION_CACHE_DIR wins, and JAXNN_NO_COMPILATION_CACHE=1 turns the cache off. Where no
    private folder can be had, a warning says why, and the process goes on without a cache. Numbers
    do not depend on it. What a process left half-written that was killed, JAX compiles again, with
    a warning; removing the folder is always safe.

    Returns:
      The folder; None without a cache.
    """
    if os.environ.get("JAXNN_NO_COMPILATION_CACHE", "0") not in ("", "0"):
        jax.config.update("jax_enable_compilation_cache", False)
        return None
    given = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    try:
        folder = Path(given) if given else private_folder()
    except OSError as error:
        _log.warning("going on without a compilation cache: %s", error)
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    for setting, value in _KEEP_EVERYTHING.items():
        if setting.upper() not in os.environ:
            jax.config.update(setting, value)
    return folder


def private_folder() -> Path:
    """The user's own cache folder, made with mode 0700 where it is not there.

    Raises:
      OSError: it cannot be made or written, is another user's, or others may write to it.
    """
    parent = _base() / "jaxnn"
    for folder in (parent, parent / "xla"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_private(folder)
    if not os.access(parent / "xla", os.W_OK | os.X_OK):
        raise PermissionError(f"{parent / 'xla'} is read-only")
    return parent / "xla"


def _base() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # the standard has us ignore others
        return Path(given)
    try:
        return Path.home() / ".cache"
    except RuntimeError as error:  # a user without a home, as in some containers
        raise FileNotFoundError("the user has no home folder; set XDG_CACHE_HOME") from error


def _check_private(folder: Path) -> None:
    if not hasattr(os, "getuid"):  # Windows, where a profile is private by itself
        return
    state = folder.stat()
    if state.st_uid != os.getuid():
        raise PermissionError(
            f"{folder} belongs to user {state.st_uid}, not to you; set XDG_CACHE_HOME to a folder"
            " of your own"
        )
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(
            f"others may write to {folder}, which holds executable code; remove it, or run:"
            f" chmod 700 {folder}"
        )
