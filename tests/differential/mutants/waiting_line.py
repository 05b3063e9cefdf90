"""Faults of the order in which requests wait."""

from tests.differential.mutants.mutant import Mutant

WAITING_LINE = [
    Mutant(
        "First come, first served puts a new request behind all others.",
        "request_queue.py",
        "self._requests.append(request)",
        "self._requests.appendleft(request)",
    ),
    Mutant(
        "The more important request goes first.",
        "request.py",
        "return self.priority, self.arrival_time, self.request_id",
        "return -self.priority, self.arrival_time, self.request_id",
    ),
    Mutant(
        "Of equally important requests the one that arrived first goes first.",
        "request.py",
        "return self.priority, self.arrival_time, self.request_id",
        "return self.priority, -self.arrival_time, self.request_id",
    ),
    Mutant(
        "Priority goes before arrival.",
        "request.py",
        "return self.priority, self.arrival_time, self.request_id",
        "return self.arrival_time, self.priority, self.request_id",
    ),
    Mutant(
        "Of requests of equal priority and arrival the id decides.",
        "request.py",
        "return self.priority, self.arrival_time, self.request_id",
        "return self.priority, self.arrival_time, self.request_id[::-1]",
    ),
    Mutant(
        "The priority queue keeps its order when a request is taken out of its middle.",
        "request_queue.py",
        "        heapq.heapify(self._heap)\n",
        "",
    ),
    Mutant(
        "The priority policy has a queue of its own.",
        "request_queue.py",
        'return PriorityQueue() if policy == "priority" else FCFSQueue()',
        "return FCFSQueue()",
    ),
]
