"""How many engines answer, with what each, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

from batch_inference.errors import BatchError

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Machine:
    """What one machine of a cluster has."""

    gpus: int
    cpus: int

    def holds(self, gpus: int, cpus: int) -> int:
        """Returns how many engines with so many GPUs and cores each it holds; cores at least 1."""
        by_cpus = self.cpus // cpus
        return min(by_cpus, self.gpus // gpus) if gpus else by_cpus


@dataclass(frozen=True, slots=True)
class Placement:
    """The engines of a job; they may be others when it goes on.

    Attributes:
        replicas: engines, at least 1.
        gpus_per_replica: GPUs of one machine that share each engine's model; 0 on a CPU; None: 1 where there are GPUs.
        cpus_per_replica: cores of each engine; None: an equal share of all on a CPU, 1 beside GPUs.
        address: `local` starts Ray on this machine for this job alone; `auto` or `host:port` is a running cluster.

    Raises:
        BatchError: a number is out of its range.
    """

    replicas: int = 1
    gpus_per_replica: int | None = None
    cpus_per_replica: int | None = None
    address: str = LOCAL

    def __post_init__(self) -> None:
        for name, least in (("replicas", 1), ("gpus_per_replica", 0), ("cpus_per_replica", 1)):
            value = getattr(self, name)
            if (value is None and name != "replicas") or (type(value) is int and value >= least):
                continue
            raise BatchError(f"{name} must be a whole number of at least {least}, got {value!r}")

    def on(self, machines: Sequence[Machine]) -> "Placement":
        """Returns this placement with every number decided.

        Args:
            machines: of the cluster; each engine gets its GPUs and cores on one of them.

        Raises:
            BatchError: they have not enough.
        """
        gpus = self.gpus_per_replica
        if gpus is None:
            gpus = 1 if any(machine.gpus for machine in machines) else 0
        cpus = self.cpus_per_replica or (1 if gpus else self._share_of_cores(machines))
        if sum(machine.holds(gpus, cpus) for machine in machines) < self.replicas:
            shown = ", ".join(f"{machine.gpus} GPU(s) and {machine.cpus} CPU core(s)" for machine in machines[:8])
            raise BatchError(
                f"{self.replicas} replica(s) with {gpus} GPU(s) and {cpus} CPU core(s) each do not fit on the machines "
                f"that there are: {shown}. Ask for fewer, or give the address of a larger cluster (--address)."
            )
        return Placement(self.replicas, gpus, cpus, self.address)

    def _share_of_cores(self, machines: Sequence[Machine]) -> int:
        """Returns the most cores that all replicas can have, and 1 where there are too few."""
        most = max((machine.cpus for machine in machines), default=1)
        shares = (cpus for cpus in range(most, 0, -1) if sum(one.holds(0, cpus) for one in machines) >= self.replicas)
        return next(shares, 1)
