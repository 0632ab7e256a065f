"""The process that runs jobs for the window: the protocol, its server (the child process) and its client."""
