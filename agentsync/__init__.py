"""agentsync: who changed the documents that agents and people share in a git repository."""

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers know the name; to import `typing` for it, git's filter would wait too long
if TYPE_CHECKING:
    from agentsync.web.service import AutoSyncService, get_auto_sync_service

__all__ = ["AutoSyncService", "__version__", "get_auto_sync_service"]


def __getattr__(name: str) -> object:
    """The service is imported by whoever asks for it: a hook imports this package too."""
    if name in ("AutoSyncService", "get_auto_sync_service"):
        from agentsync.web import service

        return getattr(service, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
