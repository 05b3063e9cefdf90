"""Questions with gold SQL to train and evaluate on: Spider, WikiSQL, and their one spelling."""

from text_to_sql.data.example import Example

__all__ = ["Example"]
