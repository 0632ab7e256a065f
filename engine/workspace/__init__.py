"""The workspace: one matter or department as a folder on disk, with its database, objects, lock and audit."""
