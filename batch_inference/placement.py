"""How many engines answer, with what each, and where."""

from dataclasses import dataclass

from batch_inference.errors import BatchError

LOCAL = "local"


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

    def on(self, gpus: int, cpus: int) -> "Placement":
        """Returns this placement with every number decided, for machines that have so much together.

        Raises:
            BatchError: they have not enough.
        """
        each_gpus = min(1, gpus) if self.gpus_per_replica is None else self.gpus_per_replica
        share = 1 if each_gpus else max(1, cpus // self.replicas)
        each_cpus = share if self.cpus_per_replica is None else self.cpus_per_replica
        for what, each, there in (("GPU", each_gpus, gpus), ("CPU core", each_cpus, cpus)):
            if self.replicas * each > there:
                raise BatchError(
                    f"{self.replicas} replica(s) with {each} {what}(s) each need {self.replicas * each}, and there are "
                    f"{there}. Ask for fewer, or give the address of a larger cluster (--address)."
                )
        return Placement(self.replicas, each_gpus, each_cpus, self.address)
