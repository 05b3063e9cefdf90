"""Part 4: what a LoRA adapter computes, and how many numbers it has."""

import numpy as np

from course.exercise import Exercise, close

Shapes = list[tuple[int, int]]


def lora_output(
    x: np.ndarray, weight: np.ndarray, lora_a: np.ndarray, lora_b: np.ndarray, lora_alpha: float
) -> np.ndarray:
    """What peft's own LoRA layer returns."""
    import torch
    from peft import LoraConfig
    from peft.tuners.lora import Linear

    rank, base = len(lora_a), torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer = Linear(base, adapter_name="x", r=rank, lora_alpha=lora_alpha, config=LoraConfig(r=rank))
    with torch.no_grad():
        for parameter, values in ((base, weight), (layer.lora_A["x"], lora_a), (layer.lora_B["x"], lora_b)):
            parameter.weight = torch.nn.Parameter(torch.tensor(values))
        return layer.double()(torch.tensor(x)).numpy()


def num_lora_parameters(rank: int, shapes: Shapes) -> int:
    """Numbers in the matrices that peft makes for layers of these shapes."""
    import torch
    from peft import LoraConfig
    from peft.tuners.lora import Linear

    layers = [
        Linear(torch.nn.Linear(columns, rows), adapter_name="x", r=rank, config=LoraConfig(r=rank))
        for rows, columns in shapes
    ]
    return sum(matrix["x"].weight.numel() for layer in layers for matrix in (layer.lora_A, layer.lora_B))


def _layers() -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]]:
    chance, cases = np.random.default_rng(7), []
    for rows, columns, rank, alpha in [(4, 3, 2, 2.0), (3, 5, 1, 4.0), (6, 6, 3, 3.0), (8, 4, 4, 16.0)]:
        sizes = ((2, columns), (rows, columns), (rank, columns), (rows, rank))
        cases.append((*(chance.normal(size=size) for size in sizes), alpha))
    return cases


EXERCISES = {
    "lora_output": Exercise(
        oracle=lora_output,
        source="peft's LoRA layer",
        cases=_layers,
        same=close,
        mistakes={
            "The update is scaled by lora_alpha / rank.": lambda x, weight, lora_a, lora_b, lora_alpha: (
                x @ weight.T + x @ lora_a.T @ lora_b.T
            ),
            "The scale is lora_alpha divided by the rank.": lambda x, weight, lora_a, lora_b, lora_alpha: (
                x @ weight.T + lora_alpha * x @ lora_a.T @ lora_b.T
            ),
            "The rank is the number of rows of lora_a.": lambda x, weight, lora_a, lora_b, lora_alpha: (
                x @ weight.T + lora_alpha / lora_a.shape[1] * (x @ lora_a.T @ lora_b.T)
            ),
            "Tokens are rows: a matrix [out, in] is applied as x @ weight.T.": (
                lambda x, weight, lora_a, lora_b, lora_alpha: (
                    x @ weight + lora_alpha / len(lora_a) * (x @ lora_a.T @ lora_b.T)
                )
            ),
            "The base's own output is still added.": lambda x, weight, lora_a, lora_b, lora_alpha: (
                lora_alpha / len(lora_a) * x @ lora_a.T @ lora_b.T
            ),
        },
    ),
    "num_lora_parameters": Exercise(
        oracle=num_lora_parameters,
        source="the shapes of peft's matrices",
        cases=lambda: [
            (64, [(576, 576)]),
            (16, [(192, 576), (1536, 576)]),
            (8, [(576, 1536)] * 3),
            (1, [(5, 7), (7, 5)]),
        ],
        mistakes={
            "That is the matrix itself; A and B are thin.": lambda rank, shapes: sum(a * b for a, b in shapes),
            "A is missing.": lambda rank, shapes: sum(rank * rows for rows, _ in shapes),
            "B is missing.": lambda rank, shapes: sum(rank * columns for _, columns in shapes),
        },
    ),
}
