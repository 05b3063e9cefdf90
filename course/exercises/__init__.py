"""The exercises of the notebook, one file for each part, by the name of the function that the reader writes."""

from course.exercise import Exercise
from course.exercises import part_1, part_1_5, part_2, part_2_5, part_3, part_4, part_5, part_6

PARTS = (part_1, part_1_5, part_2, part_2_5, part_3, part_4, part_5, part_6)
EXERCISES: dict[str, Exercise] = {name: exercise for part in PARTS for name, exercise in part.EXERCISES.items()}
