"""`python -m engine.worker`: the worker process, started by the client and spoken to over its standard streams."""

from __future__ import annotations

from engine.worker.server import main

if __name__ == "__main__":
    main()
