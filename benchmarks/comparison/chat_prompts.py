"""Questions of a chat, different in length and kind, made from short parts: the same ones on every machine."""

import itertools
import random
from collections.abc import Iterator

TOPICS = (
    "the water cycle", "photosynthesis", "a suspension bridge", "compound interest", "the moon's phases",
    "a relational database", "vaccination", "the French Revolution", "how bread rises", "a heat pump",
    "binary search", "glaciers", "supply and demand", "the human heart", "a sailing boat", "volcanoes",
    "public libraries", "a bicycle's gears", "coral reefs", "the printing press", "electric motors", "tea",
    "an operating system", "earthquakes", "honey bees", "a lighthouse", "recycling paper", "the Silk Road",
    "time zones", "a piano", "rain forests", "a compiler",
)  # fmt: skip
TASKS = (
    "What is {topic}?",
    "Explain {topic} to a child of ten in three sentences.",
    "Give me five facts about {topic}, as a list.",
    "Write a short poem about {topic}.",
    "I have to give a talk about {topic} next week. Suggest an outline with four sections, and one question that the "
    "audience may ask after each of them.",
    "Name one advantage and one disadvantage connected with {topic}.",
    "A friend claims that {topic} will be forgotten in fifty years. Write a friendly reply that agrees with one of the "
    "friend's points, disagrees with another, and ends with a question.",
    "Here are my notes on {topic}: it matters to many people, it took long to be understood, there are many opinions "
    "on how it should be taught, and I have twenty minutes for it. My listeners are between twelve and fifteen years "
    "old, most of them have never heard of it, and there is no projector in the room. Turn the notes into a plan for "
    "the lesson, with times, an activity in pairs, and a way to find out what they have learnt.",
)
_SEED = 7


def chat_prompts() -> Iterator[str]:
    """Yields every task with every topic once, in a fixed random order."""
    pairs = list(itertools.product(TASKS, TOPICS))
    random.Random(_SEED).shuffle(pairs)
    yield from (task.format(topic=topic) for task, topic in pairs)
