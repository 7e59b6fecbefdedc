"""``python -m litmus``: jobs of the workflow take a short way, people get the full command line."""

import sys


def main() -> None:
    """Entry point of the `litmus` command."""
    from litmus.jobs import STAGES

    if sys.argv[1:2] and sys.argv[1] in STAGES:
        from litmus.jobs import main as run_job

        sys.exit(run_job(sys.argv[1:]))
    from litmus.cli import main as run_cli

    run_cli()


if __name__ == "__main__":
    main()
