"""The command line: one sub-command a job. `shared/CLI.md` is its contract, `docs/cli.md` its manual."""
