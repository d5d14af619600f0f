"""What a call raises."""

from .types import ErrorContent


class RequestRefused(Exception):
    """The service refused the request, and nothing was charged: decide by `error["code"]`."""

    def __init__(self, status: int, error: ErrorContent) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.status = status
        self.error = error


class NoAnswer(Exception):
    """No answer of the service came, after every try: the network, a proxy, or a fault of the service."""
