"""Log lines on standard error, one format for all modules."""

import logging

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def configure_logs(level: str) -> None:
    logging.basicConfig(format=FORMAT)
    logging.getLogger("greffe").setLevel(level)
