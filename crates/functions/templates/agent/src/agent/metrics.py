"""Counters of this process, in the Prometheus text format and as a page."""

import threading


class Metrics:
    """Requests, errors and the time they took; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.errors = 0
        self.seconds = 0.0

    def record(self, seconds: float, failed: bool) -> None:
        with self._lock:
            self.requests += 1
            self.errors += int(failed)
            self.seconds += seconds

    def text(self) -> str:
        with self._lock:
            return (
                "# TYPE agent_requests_total counter\n"
                f"agent_requests_total {self.requests}\n"
                "# TYPE agent_errors_total counter\n"
                f"agent_errors_total {self.errors}\n"
                "# TYPE agent_request_seconds summary\n"
                f"agent_request_seconds_sum {self.seconds:.6f}\n"
                f"agent_request_seconds_count {self.requests}\n"
            )
